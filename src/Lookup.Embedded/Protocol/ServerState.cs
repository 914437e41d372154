using System.Security.Cryptography;
using System.Text;
using Lookup.Embedded.Engine;

namespace Lookup.Embedded.Protocol;

/// <summary>State that the connections of a server share.</summary>
internal sealed class ServerState(StoreEngine engine, string password) : IDisposable
{
    private readonly byte[] _password = Encoding.UTF8.GetBytes(password);

    /// <summary>Random id of this run of the process.</summary>
    internal string RunId { get; } = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(20));

    /// <summary>Use it only within a change of the engine; these run one at a time.</summary>
    internal LuaScripts Scripts { get; } = new();

    internal StoreEngine Engine { get; } = engine;

    internal bool IsPassword(ReadOnlySpan<byte> shown) => CryptographicOperations.FixedTimeEquals(shown, _password);

    public void Dispose() => Scripts.Dispose();
}
