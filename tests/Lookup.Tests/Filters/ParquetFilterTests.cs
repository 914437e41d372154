using System.Numerics;
using CsCheck;
using Lookup.Core.Filters;

namespace Lookup.Tests.Filters;

public class ParquetFilterTests
{
    private const int Blocks = 16;

    // Of all bits, exactly the eight that we set make a hash known to Parquet: with them it is, without any one it is not.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Insert_AnyHash_SetsExactlyTheBitsThatParquetTests(bool vectors)
    {
        Assert.SkipUnless(ParquetFilter.IsSupported, "The exported C++ names are those of 64-bit Linux.");
        Gen.ULong.Sample(
            hash =>
            {
                var filter = new BlockFilter(Blocks, vectors);
                filter.Insert(hash);
                var bytes = filter.Bytes.ToArray();
                Assert.Equal(8, bytes.Sum(value => BitOperations.PopCount(value)));
                Assert.True(Theirs(bytes, hash));
                for (var bit = 0; bit < bytes.Length * 8; bit++)
                {
                    var mask = (byte)(1 << (bit & 7));
                    if ((bytes[bit >> 3] & mask) == 0)
                    {
                        continue;
                    }

                    bytes[bit >> 3] ^= mask;
                    Assert.False(Theirs(bytes, hash));
                    bytes[bit >> 3] ^= mask;
                }
            },
            iter: 200);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Contains_FilterOfManyHashes_AgreesWithParquet(bool vectors)
    {
        Assert.SkipUnless(ParquetFilter.IsSupported, "The exported C++ names are those of 64-bit Linux.");
        Gen.Select(Gen.ULong.Array[1, 300], Gen.ULong.Array[1000]).Sample(
            (added, probes) =>
            {
                var ours = new BlockFilter(Blocks, vectors);
                using var built = new ParquetFilter(new byte[Blocks * BlockFilter.BlockSize]);
                foreach (var hash in added)
                {
                    ours.Insert(hash);
                    built.Add(hash);
                }

                using var loaded = new ParquetFilter(ours.Bytes.ToArray());
                foreach (var hash in added.Concat(probes))
                {
                    var expected = ours.Contains(hash);
                    Assert.Equal(expected, built.Contains(hash));
                    Assert.Equal(expected, loaded.Contains(hash));
                }

                Assert.All(added, hash => Assert.True(ours.Contains(hash)));
            },
            iter: 50);
    }

    private static bool Theirs(byte[] bytes, ulong hash)
    {
        using var filter = new ParquetFilter(bytes);
        return filter.Contains(hash);
    }
}
