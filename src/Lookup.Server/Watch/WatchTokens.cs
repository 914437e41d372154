using Grpc.Core;
using Lookup.Redis;
using Lookup.Server.Errors;

namespace Lookup.Server.Watch;

/// <summary>Reads resume tokens and creates the errors of tokens that cannot be resumed.</summary>
internal static class WatchTokens
{
    private const string WhatToDo = " Scrub the active lists again, then watch without a resume token.";

    /// <summary>Reads the token of a request; returns null if there is none.</summary>
    /// <exception cref="RpcException">The token is malformed or of another store.</exception>
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
                "The resume token is from another store, or from this store before it was initialised again." + WhatToDo, "RESUME_TOKEN_OF_ANOTHER_STORE");
    }

    internal static RpcException TooOld() => RpcErrors.Precondition(
        "The resume token is too old: the store no longer keeps the changes since then." + WhatToDo, "RESUME_TOKEN_TOO_OLD");

    internal static RpcException Ahead() => RpcErrors.Precondition(
        "The resume token is ahead of the store, which was restored from an older copy or lost changes in a fail-over." + WhatToDo, "RESUME_TOKEN_AHEAD");

    internal static RpcException Lost() => RpcErrors.Precondition(
        "This stream lost changes: the store no longer keeps them, or a fail-over lost changes that the stream had delivered." + WhatToDo, "CHANGES_LOST");
}
