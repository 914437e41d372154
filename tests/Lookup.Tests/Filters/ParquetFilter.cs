using System.Runtime.InteropServices;

namespace Lookup.Tests.Filters;

/// <summary>
/// The filter of Apache Parquet's C++ library, as a second opinion. ParquetSharp brings the library but has no
/// managed door to its filter, so the C++ methods are called by their exported names (Itanium ABI, 64-bit Linux).
/// </summary>
internal sealed class ParquetFilter : IDisposable
{
    // Much more than the object needs; its size is not exported.
    private const int ObjectSize = 4096;

    private static readonly Lazy<nint> Library = new(() =>
        NativeLibrary.Load("ParquetSharpNative", typeof(ParquetSharp.Column).Assembly, DllImportSearchPath.AssemblyDirectory));

    private readonly nint _filter = Marshal.AllocHGlobal(ObjectSize);

    /// <param name="bytes">The blocks; their number must be a power of two.</param>
    public ParquetFilter(byte[] bytes)
    {
        Marshal.Copy(new byte[ObjectSize], 0, _filter, ObjectSize);
        var pool = Export<DefaultMemoryPool>("_ZN5arrow19default_memory_poolEv")();
        Export<Construct>("_ZN7parquet21BlockSplitBloomFilterC1EPN5arrow10MemoryPoolE")(_filter, pool);
        Export<Init>("_ZN7parquet21BlockSplitBloomFilter4InitEPKhj")(_filter, bytes, (uint)bytes.Length);
    }

    private delegate nint DefaultMemoryPool();

    private delegate void Construct(nint filter, nint pool);

    private delegate void Init(nint filter, byte[] bytes, uint length);

    private delegate void Insert(nint filter, ulong hash);

    [return: MarshalAs(UnmanagedType.I1)]
    private delegate bool Find(nint filter, ulong hash);

    private delegate void Destruct(nint filter);

    public static bool IsSupported =>
        OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64;

    public void Add(ulong hash) => Export<Insert>("_ZN7parquet21BlockSplitBloomFilter10InsertHashEm")(_filter, hash);

    public bool Contains(ulong hash) => Export<Find>("_ZNK7parquet21BlockSplitBloomFilter8FindHashEm")(_filter, hash);

    public void Dispose()
    {
        Export<Destruct>("_ZN7parquet21BlockSplitBloomFilterD1Ev")(_filter);
        Marshal.FreeHGlobal(_filter);
    }

    private static T Export<T>(string name)
        where T : Delegate => Marshal.GetDelegateForFunctionPointer<T>(NativeLibrary.GetExport(Library.Value, name));
}
