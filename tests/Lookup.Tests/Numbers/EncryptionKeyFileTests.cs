using Lookup.Core.Numbers;

namespace Lookup.Tests.Numbers;

public sealed class EncryptionKeyFileTests : IDisposable
{
    private const string Hex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    private static readonly byte[] Key = Convert.FromHexString(Hex);

    private readonly string _folder = Directory.CreateTempSubdirectory("lookup-key-").FullName;

    private string FilePath => Path.Combine(_folder, "number.key");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Create_NewFile_HoldsTheKeyForItsOwnerOnly()
    {
        var key = EncryptionKeyFile.Create(FilePath);
        Assert.Equal(NumberCipher.KeySize, key.Length);
        Assert.Equal([key], EncryptionKeyFile.Load(FilePath));
        Assert.NotEqual(key, EncryptionKeyFile.Create(FilePath + "2"));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(FilePath));
        }
    }

    [Fact]
    public void Create_FileExists_LeavesItAlone()
    {
        var key = EncryptionKeyFile.Create(FilePath);
        var exception = Assert.Throws<EncryptionKeyException>(() => EncryptionKeyFile.Create(FilePath));
        Assert.Contains("already exists", exception.Message, StringComparison.Ordinal);
        Assert.Equal([key], EncryptionKeyFile.Load(FilePath));
    }

    [Fact]
    public void Create_NoFolder_SaysThatItCannotBeWritten()
    {
        var exception = Assert.Throws<EncryptionKeyException>(() => EncryptionKeyFile.Create(Path.Combine(_folder, "none", "key")));
        Assert.Contains("cannot be written", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_NoFile_SaysThatThereIsNone()
    {
        var exception = Assert.Throws<EncryptionKeyException>(() => EncryptionKeyFile.Load(FilePath));
        Assert.Contains("does not exist", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_FileOfAGroupThatReadsIt_IsTaken()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Permissions are those of Unix.");
        var key = EncryptionKeyFile.Create(FilePath);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(FilePath, UnixFileMode.UserRead | UnixFileMode.GroupRead);
        }

        Assert.Equal([key], EncryptionKeyFile.Load(FilePath));
    }

    [Theory]
    [InlineData(UnixFileMode.GroupWrite)]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.OtherWrite)]
    public void Load_OthersHaveAccess_IsRefusedWithTheRemedy(UnixFileMode extra)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Permissions are those of Unix.");
        EncryptionKeyFile.Create(FilePath);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(FilePath, UnixFileMode.UserRead | extra);
        }

        var exception = Assert.Throws<EncryptionKeyException>(() => EncryptionKeyFile.Load(FilePath));
        Assert.Contains("chmod 600", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0001")]
    [InlineData("zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")]
    [InlineData("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")]
    public void Load_NoKeyInside_DoesNotShowWhatIsThere(string text)
    {
        Write(text);
        var exception = Assert.Throws<EncryptionKeyException>(() => EncryptionKeyFile.Load(FilePath));
        Assert.Contains("holds no key", exception.Message, StringComparison.Ordinal);
        Assert.True(text.Length == 0 || !exception.Message.Contains(text, StringComparison.Ordinal));
    }

    [Fact]
    public void Load_HugeFile_IsRefused()
    {
        Write(new string('0', 4_000));
        Assert.Contains("too long", Assert.Throws<EncryptionKeyException>(() => EncryptionKeyFile.Load(FilePath)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Hex)]
    [InlineData(" 000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F\r\n")]
    [InlineData("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")]
    public void Load_HexOrBase64_IsTheKey(string text)
    {
        Write(text);
        Assert.Equal([Key], EncryptionKeyFile.Load(FilePath));
        Assert.True(EncryptionKeyFile.TryParse(text, out var key));
        Assert.Equal(Key, key);
    }

    [Fact]
    public void FromEnvironment_Variable_IsTheKeyOrAnError()
    {
        const string Variable = "LOOKUP_TEST_NUMBER_KEY";
        Environment.SetEnvironmentVariable(Variable, Hex);
        Assert.Equal([Key], EncryptionKeyFile.FromEnvironment(Variable));
        Environment.SetEnvironmentVariable(Variable, "secret");
        var exception = Assert.Throws<EncryptionKeyException>(() => EncryptionKeyFile.FromEnvironment(Variable));
        Assert.DoesNotContain("secret", exception.Message, StringComparison.Ordinal);
        Environment.SetEnvironmentVariable(Variable, null);
        Assert.Contains("not set", Assert.Throws<EncryptionKeyException>(() => EncryptionKeyFile.FromEnvironment(Variable)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Add_ToAFile_IsTheLastLineAndLeavesTheOthers()
    {
        Write(Hex);
        var keys = EncryptionKeyFile.Add(FilePath);
        Assert.Equal(2, keys.Count);
        Assert.Equal(Key, keys[0]);
        Assert.NotEqual(Key, keys[1]);
        Assert.Equal(keys, EncryptionKeyFile.Load(FilePath));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(FilePath));
        }

        for (var i = keys.Count; i < EncryptionKeyFile.MaxKeys; i++)
        {
            EncryptionKeyFile.Add(FilePath);
        }

        Assert.Contains("remove the lines", Assert.Throws<EncryptionKeyException>(() => EncryptionKeyFile.Add(FilePath)).Message, StringComparison.Ordinal);
        Assert.Equal(EncryptionKeyFile.MaxKeys, EncryptionKeyFile.Load(FilePath).Count);
    }

    [Fact]
    public void Load_SecondLineIsNoKey_IsRefusedWithoutTellingIt()
    {
        Write(Hex + "\nsecret\n");
        var message = Assert.Throws<EncryptionKeyException>(() => EncryptionKeyFile.Load(FilePath)).Message;
        Assert.Contains("line 2", message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", message, StringComparison.Ordinal);
    }

    private void Write(string text)
    {
        File.WriteAllText(FilePath, text);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(FilePath, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
    }
}
