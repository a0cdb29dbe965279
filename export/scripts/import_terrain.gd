# Builds a Terrain3D node from a folder that worldgen wrote: heights, control map and textures.
# Needs the Terrain3D add-on, 1.0 or later. Copy the whole folder into the project, open a 3D scene, open this
# script in the script editor and choose File > Run.
@tool
extends EditorScript


func _run() -> void:
	var folder: String = get_script().resource_path.get_base_dir()
	var sidecar = JSON.parse_string(FileAccess.get_file_as_string(folder.path_join("terrain.json")))
	var scene := get_scene()
	if scene == null or sidecar == null:
		push_error("Open a 3D scene first; terrain.json must lie beside this script")
		return

	var terrain := Terrain3D.new()
	terrain.name = "Terrain3D"
	scene.add_child(terrain, true)
	terrain.owner = scene
	terrain.change_region_size(int(sidecar["region_size"]))
	terrain.vertex_spacing = sidecar["vertex_spacing"]
	terrain.assets = _make_assets(folder, sidecar)

	var height := Terrain3DUtil.load_image(folder.path_join(sidecar["height_exr"]))
	var control := Terrain3DUtil.load_image(folder.path_join(sidecar["control_exr"]))
	# Whole regions: what lies beyond the map is a hole, not ground at the height of nought.
	var hole := Terrain3DUtil.as_float(Terrain3DUtil.enc_hole(true))
	var images: Array[Image] = []
	images.resize(Terrain3DRegion.TYPE_MAX)
	images[Terrain3DRegion.TYPE_HEIGHT] = _pad(height, sidecar, 0.0)
	images[Terrain3DRegion.TYPE_CONTROL] = _pad(control, sidecar, hole)
	var position := Vector3(sidecar["position"][0], 0.0, sidecar["position"][2])
	terrain.data.import_images(images, position, 0.0, 1.0)

	var store := folder.path_join("data")
	DirAccess.make_dir_recursive_absolute(ProjectSettings.globalize_path(store))
	terrain.data.save_directory(store)
	terrain.data_directory = store
	print("worldgen: imported %d x %d vertices" % [height.get_width(), height.get_height()])


func _pad(image: Image, sidecar: Dictionary, value: float) -> Image:
	var size := Vector2i(int(sidecar["padded_columns"]), int(sidecar["padded_rows"]))
	var first := Vector2i(int(sidecar["first_column"]), int(sidecar["first_row"]))
	var padded := Image.create_empty(size.x, size.y, false, Image.FORMAT_RF)
	padded.fill(Color(value, 0.0, 0.0, 1.0))
	padded.blit_rect(image, Rect2i(Vector2i.ZERO, image.get_size()), first)
	return padded


func _make_assets(folder: String, sidecar: Dictionary) -> Terrain3DAssets:
	var textures: Array[Terrain3DTextureAsset] = []
	for material in sidecar["materials"]:
		var texture := Terrain3DTextureAsset.new()
		texture.name = material["name"]
		texture.id = textures.size()
		texture.albedo_texture = _texture(folder.path_join(material["albedo_height"]))
		texture.normal_texture = _texture(folder.path_join(material["normal_roughness"]))
		texture.uv_scale = 1.0 / float(material["metres_per_tile"])
		textures.append(texture)
	var assets := Terrain3DAssets.new()
	assets.texture_list = textures
	return assets


# From the file itself, so that import settings need no care: alpha kept, mipmaps made.
func _texture(path: String) -> Texture2D:
	var image := Image.load_from_file(ProjectSettings.globalize_path(path))
	image.generate_mipmaps()
	return ImageTexture.create_from_image(image)
