// Just enough of Unity's API to run the import script without Unity, for tests/test_export_unity.py.
// It keeps what Unity's documentation says of row orders: SetHeights and SetAlphamaps begin in the south-west,
// Texture2D's pixels at the bottom left; heightmapResolution changes the size.
using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.Serialization.Json;
using System.Text;

namespace UnityEngine
{
    public class Object { public string name; public static void DestroyImmediate(Object o) { } }
    [Serializable] public struct Vector3 { public float x, y, z; }
    public struct Vector2 { public float x, y; public Vector2(float x, float y) { this.x = x; this.y = y; } }
    public struct Color32 { public byte r, g, b, a; }
    public enum TextureFormat { RGBA32 }
    public enum TextureWrapMode { Repeat }
    public class Texture2D : Object
    {
        Color32[] pixels;
        public Texture2D(int w, int h, TextureFormat f, bool mips, bool linear) { }
        // Stub's own file: width and height as int32, then RGBA, top row first. Unity's pixels begin at the bottom.
        public bool LoadImage(byte[] data)
        {
            int w = BitConverter.ToInt32(data, 0), h = BitConverter.ToInt32(data, 4);
            pixels = new Color32[w * h];
            for (int y = 0; y < h; y++) for (int x = 0; x < w; x++)
            {
                int at = 8 + 4 * ((h - 1 - y) * w + x);
                pixels[y * w + x] = new Color32 { r = data[at], g = data[at + 1], b = data[at + 2], a = data[at + 3] };
            }
            return true;
        }
        public Color32[] GetPixels32() { return pixels; }
    }
    public class Transform { public Vector3 position; }
    public class GameObject : Object
    {
        public Transform transform = new Transform(); internal object part;
        public T GetComponent<T>() where T : class { return part as T; }
    }
    public class TerrainLayer : Object { public Texture2D diffuseTexture, normalMapTexture, maskMapTexture; public Vector2 tileSize; }
    public class TerrainData : Object
    {
        int resolution; Vector3 held;
        public int heightmapResolution { get { return resolution; } set { resolution = value; held = new Vector3(); } }
        public int alphamapResolution { get; set; }
        public Vector3 size { get { return held; } set { held = value; } }
        public TerrainLayer[] terrainLayers; public float[,] heights; public float[,,] alphas;
        public void SetHeights(int x, int y, float[,] h) { heights = h; }
        public void SetAlphamaps(int x, int y, float[,,] a) { alphas = a; }
    }
    public class Terrain : Object
    {
        public object materialTemplate;
        public Terrain left, top, right, bottom; public TerrainData data; public GameObject owner;
        public static List<Terrain> All = new List<Terrain>();
        public static GameObject CreateTerrainGameObject(TerrainData d)
        {
            Terrain t = new Terrain { data = d }; GameObject g = new GameObject { part = t }; t.owner = g; All.Add(t); return g;
        }
        public void SetNeighbors(Terrain l, Terrain t, Terrain r, Terrain b) { left = l; top = t; right = r; bottom = b; }
    }
    public static class Application { public static string dataPath; }
    public static class Debug { public static void LogError(string m) { Console.Error.WriteLine(m); Environment.Exit(3); } }
    public static class JsonUtility
    {
        public static T FromJson<T>(string text)
        {
            return (T)new DataContractJsonSerializer(typeof(T)).ReadObject(new MemoryStream(Encoding.UTF8.GetBytes(text)));
        }
    }
}
namespace UnityEngine.Rendering
{
    public class RenderPipelineAsset { public object defaultTerrainMaterial; }
    public static class GraphicsSettings { public static RenderPipelineAsset currentRenderPipeline; }
}
namespace UnityEditor
{
    using UnityEngine;
    public class MenuItem : Attribute { public MenuItem(string path) { } }
    public static class EditorUtility { public static string OpenFilePanel(string t, string d, string e) { return ""; } }
    public enum TextureImporterType { Default, NormalMap }
    public class AssetImporter { public static AssetImporter GetAtPath(string p) { return new TextureImporter(); } }
    public class TextureImporter : AssetImporter
    {
        public TextureImporterType textureType; public bool sRGBTexture; public TextureWrapMode wrapMode;
        public void SaveAndReimport() { }
    }
    public static class AssetDatabase
    {
        public static void Refresh() { } public static void SaveAssets() { }
        public static void CreateAsset(UnityEngine.Object o, string path) { Console.WriteLine("asset " + path); }
        public static T LoadAssetAtPath<T>(string p) where T : class { return new Texture2D(1, 1, TextureFormat.RGBA32, false, true) as T; }
    }
}
public static class Program
{
    public static void Main(string[] args)
    {
        UnityEngine.Application.dataPath = args[0];
        ImportWorldgenTerrain.Import(args[1]);
        foreach (var terrain in UnityEngine.Terrain.All)
        {
            var d = terrain.data; int n = d.heightmapResolution;
            using (var file = new BinaryWriter(File.Create(args[2] + "/" + terrain.owner.name + ".bin")))
            {
                file.Write(n); file.Write(d.alphamapResolution); file.Write(d.alphas == null ? 0 : d.alphas.GetLength(2));
                var p = terrain.owner.transform.position;
                foreach (float v in new[] { p.x, p.y, p.z, d.size.x, d.size.y, d.size.z }) file.Write(v);
                foreach (float v in d.heights) file.Write(v);
                if (d.alphas != null) foreach (float v in d.alphas) file.Write(v);
                if (d.terrainLayers != null) foreach (var layer in d.terrainLayers) file.Write(layer.tileSize.x);
                Console.WriteLine(terrain.owner.name + " left " + Name(terrain.left) + " top " + Name(terrain.top) + " right " + Name(terrain.right) + " bottom " + Name(terrain.bottom));
            }
        }
    }
    static string Name(UnityEngine.Terrain t) { return t == null ? "-" : t.owner.name; }
}
