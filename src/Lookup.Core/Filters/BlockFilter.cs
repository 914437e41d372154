// For: answering "this fact does not exist" without reading the store. Most numbers have no facts, so most checks end here.
//
// A split-block Bloom filter: an array of 256-bit blocks, each eight words of 32 bits. A fact selects one block and sets one bit in each of
// its words, so a probe touches one cache line and takes a few vector instructions: eight products with odd salts, whose top five bits
// select the bit of each word. Compared with a Bloom filter with free bits, the rate of false positives is somewhat higher, about 0.2 % at
// 20 bits per fact.
//
// The block depends only on the number, the bits on number and fact: every probe for a number reads the same block. The number's part of
// the hash is its ciphertext, which is uniform; the id of the fact is mixed in.
//
// Bits are only ever set. While a writer runs, a reader sees an added fact early, late or partly (which reads as absent). Where order
// matters it must be published: the replica advances its version only after adding.
//
// Stored as the bytes of its blocks with little-endian words, as in Parquet. Redis counts bits from the top of each byte; Bits below
// converts.
//
// References: apache/parquet-format, BloomFilter.md; F. Putze, P. Sanders, J. Singler, "Cache-, Hash- and
// Space-Efficient Bloom Filters" (2007); J. Apple, "Split block Bloom filters", arXiv:2101.01719.
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;

namespace Lookup.Core.Filters;

/// <summary>Tells whether a fact certainly does not exist or may exist. Allows any number of readers and one writer in parallel.</summary>
public sealed class BlockFilter
{
    /// <summary>Bytes of a block.</summary>
    public const int BlockSize = 32;

    /// <summary>The most blocks: 512 MiB, the longest string in redis.</summary>
    public const int MaxBlocks = 1 << 24;

    /// <summary>Bits that a fact sets, one in each word.</summary>
    public const int BitsPerProbe = 8;

    /// <summary>The most facts in one call.</summary>
    public const int MaxProbes = 32;

    private const int CacheLine = 64;
    private const int Lanes = 8;
    private const ulong FirstMultiplier = 0xff51afd7ed558ccd;
    private const ulong SecondMultiplier = 0xc4ceb9fe1a85ec53;

    private static readonly uint[] Salts =
        [0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31];

    // Pinned; the first block starts at a cache line.
    private readonly byte[] _memory;
    private readonly int _start;
    private readonly bool _vectors;

    /// <summary>Makes an empty filter.</summary>
    /// <param name="blocks">1 to <see cref="MaxBlocks"/>, see <see cref="BlocksFor"/>.</param>
    public BlockFilter(int blocks)
        : this(blocks, vectors: true)
    {
    }

    /// <summary>Makes an empty filter, with a switch for the vector path.</summary>
    internal BlockFilter(int blocks, bool vectors)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(blocks, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(blocks, MaxBlocks);
        Blocks = blocks;
        _memory = GC.AllocateArray<byte>((blocks * BlockSize) + CacheLine, pinned: true);
        _start = (int)(-Address(_memory) & (CacheLine - 1));
        _vectors = vectors && Avx2.IsSupported;
    }

    /// <summary>Number of blocks.</summary>
    public int Blocks { get; }

    /// <summary>The blocks in their stored form.</summary>
    public ReadOnlySpan<byte> Bytes => _memory.AsSpan(_start, Blocks * BlockSize);

    /// <summary>The fraction of bits that are set, 0 to 1. Reads the whole filter. Rebuild it above 0.5.</summary>
    public double Fill
    {
        get
        {
            long set = 0;
            foreach (var word in MemoryMarshal.Cast<byte, ulong>(Bytes))
            {
                set += BitOperations.PopCount(word);
            }

            return set / (Blocks * (double)(BlockSize * 8));
        }
    }

    /// <summary>Makes a filter from a copy of stored blocks.</summary>
    /// <exception cref="ArgumentException">The length is not a multiple of <see cref="BlockSize"/> up to <see cref="MaxBlocks"/> blocks.</exception>
    public static BlockFilter FromBytes(ReadOnlyMemory<byte> bytes) => FromBytes(bytes, vectors: true);

    internal static BlockFilter FromBytes(ReadOnlyMemory<byte> bytes, bool vectors)
    {
        if (bytes.IsEmpty || bytes.Length % BlockSize != 0 || bytes.Length / BlockSize > MaxBlocks)
        {
            throw new ArgumentException($"{bytes.Length} bytes are not a filter: expected 1 to {MaxBlocks} blocks of {BlockSize} bytes.", nameof(bytes));
        }

        var filter = new BlockFilter(bytes.Length / BlockSize, vectors);
        bytes.Span.CopyTo(filter._memory.AsSpan(filter._start));
        return filter;
    }

    /// <summary>Returns the blocks needed for a number of facts.</summary>
    /// <param name="facts">Expected facts; 0 counts as 1.</param>
    /// <param name="bitsPerFact">1 to 64; 20 gives about 0.2 % false positives.</param>
    /// <exception cref="ArgumentOutOfRangeException">More than <see cref="MaxBlocks"/>: use more partitions.</exception>
    public static int BlocksFor(long facts, double bitsPerFact = 20)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(facts);
        if (bitsPerFact is not (>= 1 and <= 64))
        {
            throw new ArgumentOutOfRangeException(nameof(bitsPerFact), bitsPerFact, "Must be from 1 to 64 bits per fact.");
        }

        var blocks = Math.Ceiling(Math.Max(facts, 1) * bitsPerFact / (BlockSize * 8));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(blocks, MaxBlocks, nameof(facts));
        return (int)blocks;
    }

    /// <summary>Returns whether a fact may exist; false is certain. Allocates nothing.</summary>
    public bool MayContain(NumberPseudonym pseudonym, FactId id) => Contains(Hash(pseudonym, id));

    /// <summary>Returns which of several facts of a number may exist: bit n represents the n-th. Allocates nothing.</summary>
    /// <param name="ids">Up to 32 facts.</param>
    public uint MayContain(NumberPseudonym pseudonym, ReadOnlySpan<FactId> ids)
    {
        Span<ulong> probes = stackalloc ulong[MaxProbes];
        return MayContain(pseudonym, probes[..Probes(ids, probes)], ids.Length);
    }

    /// <summary>Prepares facts to be probed for many numbers.</summary>
    /// <param name="ids">Up to <see cref="MaxProbes"/> facts.</param>
    /// <param name="probes">Receives the probes; as long as <paramref name="ids"/>, rounded up to a multiple of 8.</param>
    /// <returns>The number of probes written, a multiple of 8.</returns>
    public static int Probes(ReadOnlySpan<FactId> ids, Span<ulong> probes)
    {
        var count = (ids.Length + Lanes - 1) & ~(Lanes - 1);
        probes[..count].Clear();
        for (var i = 0; i < ids.Length; i++)
        {
            probes[i] = BitsOf(ids[i]);
        }

        return count;
    }

    /// <summary>Returns which of the facts that <see cref="Probes"/> prepared may exist for a number.</summary>
    /// <param name="probes">The prepared probes, a multiple of 8.</param>
    /// <param name="count">The number of facts among them.</param>
    public uint MayContain(NumberPseudonym pseudonym, ReadOnlySpan<ulong> probes, int count)
    {
        var possible = 0u;
        if (_vectors && Vector512.IsHardwareAccelerated && Avx512DQ.IsSupported)
        {
            ref var block = ref Unsafe.As<byte, uint>(ref Block(pseudonym.FilterHash));
            for (var i = 0; i < probes.Length; i += Lanes)
            {
                possible |= EightAtOnce(ref block, pseudonym, Vector512.Create(probes.Slice(i, Lanes))) << i;
            }
        }
        else
        {
            for (var i = 0; i < count; i++)
            {
                if (Contains(Hash(pseudonym, probes[i])))
                {
                    possible |= 1u << i;
                }
            }
        }

        return possible & (uint)((1UL << count) - 1);
    }

    // Tests one word of the block after the other for eight facts; most facts are excluded after the first few.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint EightAtOnce(ref uint block, NumberPseudonym pseudonym, Vector512<ulong> probes)
    {
        var x = probes ^ Vector512.Create(pseudonym.FilterHash << 24);
        x ^= x >>> 33;
        x *= Vector512.Create(FirstMultiplier);
        x ^= x >>> 33;
        x *= Vector512.Create(SecondMultiplier);
        var hashes = Avx512F.ConvertToVector256UInt32(x >>> 32);
        ref var salts = ref MemoryMarshal.GetArrayDataReference(Salts);
        var set = Vector256<uint>.One;
        for (var word = 0; word < BitsPerProbe; word++)
        {
            var bits = (hashes * Vector256.Create(Unsafe.Add(ref salts, word))) >>> 27;
            set &= Avx2.ShiftRightLogicalVariable(Vector256.Create(Unsafe.Add(ref block, word)), bits);
            if (word == 3 && set == Vector256<uint>.Zero)
            {
                return 0;
            }
        }

        return (set << 31).ExtractMostSignificantBits();
    }

    /// <summary>Prefetches the block of a number, so that probes soon after do not wait for memory.</summary>
    public void Prefetch(NumberPseudonym pseudonym)
    {
        if (Sse.IsSupported)
        {
            PrefetchBlock(ref Block(pseudonym.FilterHash));
        }
    }

    private static unsafe void PrefetchBlock(ref byte block) => Sse.Prefetch0(Unsafe.AsPointer(ref block));

    /// <summary>Adds a fact. One writer at a time.</summary>
    public void Add(NumberPseudonym pseudonym, FactId id) => Insert(Hash(pseudonym, id));

    /// <summary>Returns the bits of a fact, for a writer that sets them in redis.</summary>
    /// <param name="blocks">Blocks of the filter, 1 to <see cref="MaxBlocks"/>.</param>
    /// <param name="blockIndex">The block, from 0.</param>
    /// <param name="offsets">
    /// <see cref="BitsPerProbe"/> bits within the block, 0 to 255, as redis counts: SETBIT at 256 * block + offset.
    /// </param>
    public static void Bits(NumberPseudonym pseudonym, FactId id, int blocks, out int blockIndex, Span<byte> offsets)
    {
        var hash = Hash(pseudonym, id);
        blockIndex = BlockOf(hash, blocks);
        for (var word = 0; word < BitsPerProbe; word++)
        {
            var bit = BitOf(hash, word);
            offsets[word] = (byte)((word * 32) + (bit & ~7) + (7 - (bit & 7)));
        }
    }

    /// <summary>The upper half is the number and selects the block; the lower half mixes number and fact and selects the bits.</summary>
    internal static ulong Hash(NumberPseudonym pseudonym, FactId id) => Hash(pseudonym, BitsOf(id));

    private static ulong BitsOf(FactId id) => ((ulong)id.Kind << 60) | ((ulong)id.Detail << 56) | id.Scope;

    private static ulong Hash(NumberPseudonym pseudonym, ulong id)
    {
        var x = id ^ (pseudonym.FilterHash << 24);
        // The finaliser of MurmurHash3: each bit of the id and of the number affects each bit of the result.
        x ^= x >> 33;
        x *= FirstMultiplier;
        x ^= x >> 33;
        x *= SecondMultiplier;
        return (pseudonym.FilterHash & 0xFFFF_FFFF_0000_0000) | (x >> 32);
    }

    internal bool Contains(ulong hash)
    {
        ref var block = ref Block(hash);
        if (_vectors)
        {
            return Avx.TestC(Vector256.LoadUnsafe(ref block).AsUInt32(), Mask(hash));
        }

        for (var word = 0; word < BitsPerProbe; word++)
        {
            var bit = BitOf(hash, word);
            if ((Unsafe.Add(ref block, (word * 4) + (bit >> 3)) & (1 << (bit & 7))) == 0)
            {
                return false;
            }
        }

        return true;
    }

    internal void Insert(ulong hash)
    {
        ref var block = ref Block(hash);
        if (_vectors)
        {
            (Vector256.LoadUnsafe(ref block).AsUInt32() | Mask(hash)).AsByte().StoreUnsafe(ref block);
            return;
        }

        for (var word = 0; word < BitsPerProbe; word++)
        {
            var bit = BitOf(hash, word);
            Unsafe.Add(ref block, (word * 4) + (bit >> 3)) |= (byte)(1 << (bit & 7));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ref byte Block(ulong hash) =>
        ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_memory), _start + (BlockOf(hash, Blocks) * BlockSize));

    private static int BlockOf(ulong hash, int blocks) => (int)(((hash >> 32) * (uint)blocks) >> 32);

    private static int BitOf(ulong hash, int word) => (int)(((uint)hash * Salts[word]) >> 27);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Mask(ulong hash)
    {
        var products = Vector256.Create((uint)hash) * Vector256.LoadUnsafe(ref MemoryMarshal.GetArrayDataReference(Salts));
        return Avx2.ShiftLeftLogicalVariable(Vector256<uint>.One, products >>> 27);
    }

    private static unsafe nint Address(byte[] pinned) => (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(pinned));
}
