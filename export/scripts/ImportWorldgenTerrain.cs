// Builds Unity terrains from a folder that worldgen wrote: heights, texture layers and their weights.
// Copy the whole folder into Assets, then choose Tools > Import worldgen terrain and pick terrain.json.

using System;
using System.Collections.Generic;
using System.IO;
using UnityEditor;
using UnityEngine;
using UnityEngine.Rendering;

public static class ImportWorldgenTerrain
{
    [Serializable]
    class Tile
    {
        public int x;
        public int z;
        public string raw = "";
        public string[] alphamaps = new string[0];
        public Vector3 position;
    }

    [Serializable]
    class GroundMaterial
    {
        public string name = "";
        public float metresPerTile;
        public string baseColor = "";
        public string normal = "";
        public string mask = "";
    }

    [Serializable]
    class Sidecar
    {
        public int heightmapResolution;
        public int alphamapResolution;
        public Vector3 size;
        public string[] layers = new string[0];
        public Tile[] tiles = new Tile[0];
        public GroundMaterial[] materials = new GroundMaterial[0];
    }

    const float FullHeight = 65536f;

    [MenuItem("Tools/Import worldgen terrain")]
    public static void ChooseAndImport()
    {
        string path = EditorUtility.OpenFilePanel("terrain.json of a worldgen folder", Application.dataPath, "json");
        if (!string.IsNullOrEmpty(path))
        {
            Import(path);
        }
    }

    // path: terrain.json, anywhere below the project's Assets folder.
    public static void Import(string path)
    {
        string folder = Path.GetDirectoryName(path).Replace('\\', '/');
        if (!folder.StartsWith(Application.dataPath))
        {
            Debug.LogError("Copy the folder into this project's Assets first: " + folder);
            return;
        }
        string assets = "Assets" + folder.Substring(Application.dataPath.Length);
        Sidecar sidecar = JsonUtility.FromJson<Sidecar>(File.ReadAllText(path));
        AssetDatabase.Refresh();
        TerrainLayer[] layers = MakeLayers(sidecar, assets);
        Dictionary<string, Terrain> terrains = new Dictionary<string, Terrain>();
        foreach (Tile tile in sidecar.tiles)
        {
            terrains[tile.x + "_" + tile.z] = MakeTerrain(sidecar, tile, layers, folder, assets);
        }
        foreach (Tile tile in sidecar.tiles)
        {
            terrains[tile.x + "_" + tile.z].SetNeighbors(
                Find(terrains, tile.x - 1, tile.z), Find(terrains, tile.x, tile.z + 1),
                Find(terrains, tile.x + 1, tile.z), Find(terrains, tile.x, tile.z - 1));
        }
        AssetDatabase.SaveAssets();
    }

    static Terrain Find(Dictionary<string, Terrain> terrains, int x, int z)
    {
        Terrain terrain;
        return terrains.TryGetValue(x + "_" + z, out terrain) ? terrain : null;
    }

    static Terrain MakeTerrain(Sidecar sidecar, Tile tile, TerrainLayer[] layers, string folder, string assets)
    {
        TerrainData data = new TerrainData();
        data.heightmapResolution = sidecar.heightmapResolution;
        data.alphamapResolution = sidecar.alphamapResolution;
        data.size = sidecar.size; // after the resolution, which changes the size
        AssetDatabase.CreateAsset(data, assets + "/" + Path.GetFileNameWithoutExtension(tile.raw) + ".asset");
        data.SetHeights(0, 0, ReadHeights(folder + "/" + tile.raw, sidecar.heightmapResolution));
        if (layers.Length > 0)
        {
            data.terrainLayers = layers;
            data.SetAlphamaps(0, 0, ReadAlphamaps(tile, folder, sidecar.alphamapResolution, layers.Length));
        }
        GameObject created = Terrain.CreateTerrainGameObject(data);
        created.name = Path.GetFileNameWithoutExtension(tile.raw);
        created.transform.position = tile.position;
        Terrain terrain = created.GetComponent<Terrain>();
        RenderPipelineAsset pipeline = GraphicsSettings.currentRenderPipeline;
        if (pipeline != null) // URP and HDRP draw the built-in material pink
        {
            terrain.materialTemplate = pipeline.defaultTerrainMaterial;
        }
        return terrain;
    }

    // The file's first row is the south edge, as the first row of SetHeights is.
    static float[,] ReadHeights(string path, int side)
    {
        byte[] bytes = File.ReadAllBytes(path);
        float[,] heights = new float[side, side];
        for (int z = 0; z < side; z++)
        {
            for (int x = 0; x < side; x++)
            {
                int at = 2 * (z * side + x);
                heights[z, x] = (bytes[at] | (bytes[at + 1] << 8)) / FullHeight;
            }
        }
        return heights;
    }

    // A PNG's first row is the north edge; GetPixels32 begins with the last row, as SetAlphamaps does.
    static float[,,] ReadAlphamaps(Tile tile, string folder, int side, int count)
    {
        float[,,] weights = new float[side, side, count];
        for (int picture = 0; picture < tile.alphamaps.Length; picture++)
        {
            Texture2D texture = new Texture2D(2, 2, TextureFormat.RGBA32, false, true);
            texture.LoadImage(File.ReadAllBytes(folder + "/" + tile.alphamaps[picture]));
            Color32[] pixels = texture.GetPixels32();
            for (int z = 0; z < side; z++)
            {
                for (int x = 0; x < side; x++)
                {
                    Color32 pixel = pixels[z * side + x];
                    byte[] channels = new byte[] { pixel.r, pixel.g, pixel.b, pixel.a };
                    for (int channel = 0; channel < 4 && 4 * picture + channel < count; channel++)
                    {
                        weights[z, x, 4 * picture + channel] = channels[channel] / 255f;
                    }
                }
            }
            UnityEngine.Object.DestroyImmediate(texture);
        }
        return weights;
    }

    static TerrainLayer[] MakeLayers(Sidecar sidecar, string assets)
    {
        List<TerrainLayer> layers = new List<TerrainLayer>();
        foreach (GroundMaterial material in sidecar.materials)
        {
            TerrainLayer layer = new TerrainLayer();
            layer.diffuseTexture = LoadTexture(assets + "/" + material.baseColor, true, false);
            layer.normalMapTexture = LoadTexture(assets + "/" + material.normal, false, true);
            layer.maskMapTexture = LoadTexture(assets + "/" + material.mask, false, false);
            layer.tileSize = new Vector2(material.metresPerTile, material.metresPerTile);
            AssetDatabase.CreateAsset(layer, assets + "/materials/" + material.name + ".terrainlayer");
            layers.Add(layer);
        }
        return layers.ToArray();
    }

    static Texture2D LoadTexture(string asset, bool color, bool normal)
    {
        TextureImporter importer = AssetImporter.GetAtPath(asset) as TextureImporter;
        if (importer != null)
        {
            importer.textureType = normal ? TextureImporterType.NormalMap : TextureImporterType.Default;
            importer.sRGBTexture = color;
            importer.wrapMode = TextureWrapMode.Repeat;
            importer.SaveAndReimport();
        }
        return AssetDatabase.LoadAssetAtPath<Texture2D>(asset);
    }
}
