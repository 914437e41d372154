using Grpc.Core;
using Lookup.Redis;
using Lookup.Server.Errors;

namespace Lookup.Server.Watch;

/// <summary>Tokens of the stream of changes, and the errors of those that cannot be resumed from.</summary>
internal static class WatchTokens
{
    private const string WhatToDo = " Scrub the active lists again, then watch without a token.";

    /// <summary>The token of a request; null where there is none.</summary>
    /// <exception cref="RpcException">It is none, or of another store.</exception>
    internal static WatchPosition? Read(string text, StoreManifest manifest)
    {
        if (text.Length == 0)
        {
            return null;
        }

        if (!WatchPosition.TryParse(text, out var position, out var error))
        {
            throw RpcErrors.Invalid("resume_token", error);
        }

        return position.Token.Epoch == manifest.Epoch
            ? position
            : throw RpcErrors.Precondition(
                "The token comes from another store, or from this one before it was set up anew." + WhatToDo, "RESUME_TOKEN_OF_ANOTHER_STORE");
    }

    internal static RpcException TooOld() => RpcErrors.Precondition(
        "The token is too old: changes since then are not kept any more." + WhatToDo, "RESUME_TOKEN_TOO_OLD");

    internal static RpcException Ahead() => RpcErrors.Precondition(
        "The token is ahead of the store, which was restored from an older copy or failed over with loss." + WhatToDo, "RESUME_TOKEN_AHEAD");

    internal static RpcException Lost() => RpcErrors.Precondition(
        "Changes were lost to this stream: they are not kept any more, or a server took over that did not have what was told." + WhatToDo, "CHANGES_LOST");
}
