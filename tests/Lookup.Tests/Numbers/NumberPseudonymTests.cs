using CsCheck;
using Lookup.Core.Numbers;

namespace Lookup.Tests.Numbers;

public class NumberPseudonymTests
{
    private static readonly NumberPseudonym Key = new(0xA1B2C3D4E5F60718, 0x1122334455667788);

    private static readonly Gen<NumberPseudonym> Keys = Gen.Select(Gen.ULong, Gen.ULong, (high, low) => new NumberPseudonym(high, low));

    [Fact]
    public void Parts_KnownKey_AreItsBytes()
    {
        Assert.Equal(0xB2C3, Key.Bucket);
        Assert.Equal(0x1122334455667788UL, Key.FilterHash);
        var field = new byte[NumberPseudonym.FieldSize];
        Key.WriteField(field);
        Assert.Equal("a1d4e5f607181122334455667788", Convert.ToHexStringLower(field));
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(16, 0xA)]
    [InlineData(256, 0xA1)]
    public void Partition_PowerOfTwo_IsTheTopBits(int count, int expected) => Assert.Equal(expected, Key.Partition(count));

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(3)]
    [InlineData(512)]
    [InlineData(int.MinValue)]
    public void Partition_OtherCount_Throws(int count) => Assert.Throws<ArgumentOutOfRangeException>(() => Key.Partition(count));

    [Fact]
    public void FromField_BucketAndField_IsTheKey() =>
        Keys.Sample(key =>
        {
            var field = new byte[NumberPseudonym.FieldSize + 7];
            key.WriteField(field);
            Assert.Equal(key, NumberPseudonym.FromField(key.Bucket, field));
            Assert.All(field[NumberPseudonym.FieldSize..], rest => Assert.Equal(0, rest));
            key.WriteTo(field);
            Assert.Equal(key, NumberPseudonym.Read(field));
        });

    [Fact]
    public void FromField_BadBucketOrField_Throws()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => NumberPseudonym.FromField(-1, new byte[14]));
        Assert.Throws<ArgumentOutOfRangeException>(() => NumberPseudonym.FromField(65_536, new byte[14]));
        Assert.Throws<ArgumentOutOfRangeException>(() => NumberPseudonym.FromField(0, new byte[13]));
    }

    // A thousand consecutive numbers spread evenly: no bucket of 65,536 holds more than a few.
    [Fact]
    public void Parts_ConsecutiveNumbers_SpreadEvenly()
    {
        using var cipher = new NumberCipher(new byte[32]);
        var keys = new NumberPseudonym[65_536];
        cipher.Encrypt([.. Enumerable.Range(0, keys.Length).Select(i => 31650000000UL + (ulong)i)], keys);
        Assert.InRange(keys.CountBy(key => key.Bucket).Max(pair => pair.Value), 2, 12);
        Assert.All(keys.CountBy(key => key.Partition(16)), pair => Assert.InRange(pair.Value, 3800, 4400));
    }
}
