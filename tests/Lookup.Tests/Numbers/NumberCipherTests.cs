using System.Security.Cryptography;
using CsCheck;
using Lookup.Core.Numbers;

namespace Lookup.Tests.Numbers;

public sealed class NumberCipherTests : IDisposable
{
    private static readonly byte[] Key = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    private readonly NumberCipher _cipher = new(Key);

    public void Dispose() => _cipher.Dispose();

    // Computed with openssl enc -aes-256-ecb -nopad; stored keys depend on it.
    [Theory]
    [InlineData(31612345678, "24924f7baac17f472164592205564440")]
    [InlineData(12025550123, "66a31dde159fb41edcd1cc59355496ad")]
    public void Encrypt_KnownNumber_IsTheStoredKey(ulong number, string expected)
    {
        var bytes = new byte[NumberPseudonym.Size];
        _cipher.Encrypt(new PhoneNumber(number)).WriteTo(bytes);
        Assert.Equal(expected, Convert.ToHexStringLower(bytes));
    }

    [Fact]
    public void KeyCheck_KnownKey_IsTheStoredOne() => Assert.Equal("1502c34927cf63f0", _cipher.KeyCheck);

    [Fact]
    public void KeyCheck_OtherKey_Differs()
    {
        using var other = new NumberCipher(RandomNumberGenerator.GetBytes(32));
        Assert.NotEqual(_cipher.KeyCheck, other.KeyCheck);
    }

    [Fact]
    public void Decrypt_OwnKey_IsTheNumber() =>
        Gen.ULong[1, 999_999_999_999_999].Sample(value =>
            Assert.Equal(new PhoneNumber(value), _cipher.Decrypt(_cipher.Encrypt(new PhoneNumber(value)))));

    [Fact]
    public void Decrypt_KeyOfAnotherCipherOrNoKey_IsRefused()
    {
        using var other = new NumberCipher(RandomNumberGenerator.GetBytes(32));
        var key = other.Encrypt(new PhoneNumber(31612345678));
        Assert.False(_cipher.TryDecrypt(key, out var number));
        Assert.Equal(default, number);
        Assert.Throws<CryptographicException>(() => _cipher.Decrypt(key));
        Assert.Throws<CryptographicException>(() => _cipher.Decrypt(default));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1024)]
    [InlineData(1025)]
    [InlineData(5000)]
    public void Encrypt_Batch_EqualsSingleCalls(int count)
    {
        var numbers = Enumerable.Range(0, count).Select(i => 31650000000UL + (ulong)(i * 7919)).ToArray();
        var keys = new NumberPseudonym[count + 1];
        _cipher.Encrypt(numbers, keys);
        Assert.Equal(numbers.Select(number => _cipher.Encrypt(new PhoneNumber(number))), keys[..count]);
        Assert.Equal(default, keys[count]);
    }

    [Fact]
    public void Encrypt_TooFewKeys_Throws() =>
        Assert.Throws<ArgumentException>(() => _cipher.Encrypt([1, 2], new NumberPseudonym[1]));

    [Fact]
    public async Task Encrypt_ManyThreads_GivesTheSameKeys()
    {
        var expected = Enumerable.Range(0, 2000).Select(i => _cipher.Encrypt(new PhoneNumber(31650000000UL + (ulong)i))).ToArray();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < expected.Length; i++)
            {
                Assert.Equal(expected[i], _cipher.Encrypt(new PhoneNumber(31650000000UL + (ulong)i)));
            }
        })));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(16)]
    [InlineData(31)]
    [InlineData(33)]
    public void Constructor_WrongKeyLength_Throws(int length) =>
        Assert.Throws<ArgumentException>(() => new NumberCipher(new byte[length]));

    [Fact]
    public void Use_AnotherOfItsKeys_EncryptsByItAndDecryptsBoth()
    {
        byte[] second = [.. Key.Reverse()];
        using var alone = new NumberCipher(second);
        using var both = new NumberCipher([Key, second, Key]);
        var number = new PhoneNumber(31612345678);
        var before = both.Encrypt(number);
        var turn = both.KeyGeneration;
        Assert.Equal((2, _cipher.KeyCheck, _cipher.Encrypt(number)), (both.Count, both.KeyCheck, before));

        both.Use(_cipher.KeyCheck);
        Assert.Equal(turn, both.KeyGeneration);
        both.Use(alone.KeyCheck);

        Assert.NotEqual(turn, both.KeyGeneration);
        Assert.Equal((alone.KeyCheck, alone.Encrypt(number)), (both.KeyCheck, both.Encrypt(number)));
        Assert.Equal((number, number), (both.Decrypt(before), both.Decrypt(alone.Encrypt(number))));
        Assert.Equal(alone.Encrypt(number), both.Reencrypt(before, alone.KeyCheck));
        Assert.Equal(before, both.Reencrypt(before, _cipher.KeyCheck));
        Assert.Equal([before, alone.Encrypt(number)], both.EncryptWithAllKeys(number));
        Assert.False(both.TryDecrypt(before, alone.KeyCheck, out _));
        Assert.Throws<ArgumentException>(() => both.Use("0000000000000000"));
        Assert.Throws<CryptographicException>(() => both.Reencrypt(new NumberPseudonym(1, 2), alone.KeyCheck));
    }

    [Fact]
    public void Encrypt_AfterDispose_Throws()
    {
        var cipher = new NumberCipher(Key);
        cipher.Dispose();
        Assert.Throws<ObjectDisposedException>(() => cipher.Encrypt(new PhoneNumber(31612345678)));
    }

    [Fact]
    public void Encrypt_SingleNumbers_AllocatesNothing()
    {
        ulong mixed = 0;
        var allocated = Allocations.Of(() =>
        {
            for (var i = 0UL; i < 1000; i++)
            {
                mixed ^= _cipher.Encrypt(new PhoneNumber(31650000000UL + i)).Low;
            }
        });
        Assert.Equal(0, allocated);
        Assert.Equal(0UL, mixed);
    }
}
