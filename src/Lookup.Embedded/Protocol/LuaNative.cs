using System.Runtime.InteropServices;

namespace Lookup.Embedded.Protocol;

/// <summary>Functions of Lua that are called so often that copying each argument would matter.</summary>
internal static unsafe partial class LuaNative
{
    /// <summary>Pushes a string of bytes.</summary>
    internal static void Push(nint state, ReadOnlySpan<byte> value)
    {
        fixed (byte* bytes = value)
        {
            _ = lua_pushlstring(state, bytes, (nuint)value.Length);
        }
    }

    [LibraryImport("lua54")]
    [SuppressGCTransition]
    internal static partial int lua_type(nint state, int index);

    [LibraryImport("lua54")]
    [SuppressGCTransition]
    internal static partial byte* lua_tolstring(nint state, int index, out nuint length);

    [LibraryImport("lua54")]
    private static partial byte* lua_pushlstring(nint state, byte* bytes, nuint length);
}
