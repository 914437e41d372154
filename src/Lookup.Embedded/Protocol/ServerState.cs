using System.Security.Cryptography;
using System.Text;
using Lookup.Embedded.Engine;

namespace Lookup.Embedded.Protocol;

/// <summary>What the connections of a server share.</summary>
internal sealed class ServerState(StoreEngine engine, string password) : IDisposable
{
    private readonly byte[] _password = Encoding.UTF8.GetBytes(password);

    /// <summary>Says which run of the process this is, so that nobody takes two for one.</summary>
    internal string RunId { get; } = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(20));

    /// <summary>Only within a change of the engine, of which there is one at a time.</summary>
    internal LuaScripts Scripts { get; } = new();

    internal StoreEngine Engine { get; } = engine;

    internal bool IsPassword(ReadOnlySpan<byte> shown) => CryptographicOperations.FixedTimeEquals(shown, _password);

    public void Dispose() => Scripts.Dispose();
}
