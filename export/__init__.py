"""Writers: one file format a module; they know the scene and no net."""
