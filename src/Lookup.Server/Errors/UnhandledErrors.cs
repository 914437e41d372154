using System.Buffers.Binary;
using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Lookup.Server.Telemetry;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Prometheus;

namespace Lookup.Server.Errors;

/// <summary>
/// Counts and logs unexpected exceptions. Each gets an id that the caller receives and the log entry carries. A service without
/// faults counts 0.
/// </summary>
internal sealed class UnhandledErrors(ServiceMetrics metrics, ILogger<UnhandledErrors> log)
{
    // The namespace that reads and writes bodies. The exception itself may come from a pipe, so its source does not identify it.
    private const string Kestrel = "Microsoft.AspNetCore.Server.Kestrel.Core.Internal.Http";

    // The type that reads frames in the gRPC library.
    private const string Frames = "Grpc.AspNetCore.Server.Internal.PipeExtensions";

    // Set before calling code that handles exceptions itself, and read where that code logs them.
    private static readonly AsyncLocal<Watched?> Current = new();

    private readonly Counter _count = metrics.Factory.CreateCounter(
        "lookup_unhandled_errors_total", "Unexpected exceptions; the log has each under the id that the caller received.");

    private Exception? _newest;

    /// <summary>The number of unexpected exceptions so far.</summary>
    internal long Count => (long)_count.Value;

    /// <summary>The latest unexpected exception, or null.</summary>
    internal Exception? Newest => Volatile.Read(ref _newest);

    /// <summary>Counts and logs an exception.</summary>
    /// <param name="exception">The exception.</param>
    /// <param name="where">The method or path of the call, or the part of the program.</param>
    /// <returns>The id for the caller: 16 hexadecimal digits.</returns>
    internal string Add(Exception exception, string where)
    {
        var id = NewId();
        _count.Inc();
        Volatile.Write(ref _newest, exception);
        log.LogError("Internal error {Id} in {Where}: {Error}", id, where, exception.ToString());
        if (Current.Value is { } watched)
        {
            watched.Id ??= id;
        }

        return id;
    }

    /// <summary>Responds with INTERNAL, or HTTP 500, and the id of the exception. Aborts a response that has started.</summary>
    internal Task AnswerAsync(HttpContext context, Exception exception)
    {
        var id = Add(exception, context.Request.Path.Value ?? "");
        if (context.Response.HasStarted)
        {
            context.Abort();
            return Task.CompletedTask;
        }

        context.Response.Clear();
        return RefusalWriter.WriteAsync(context, RpcErrors.Internal(id));
    }

    /// <summary>
    /// Returns whether the caller's connection, or the framing of its request, failed. Kestrel reports a reset stream before
    /// the request counts as aborted.
    /// </summary>
    internal static bool IsCallers(Exception exception) =>
        exception is BadHttpRequestException or ConnectionResetException or ConnectionAbortedException
        || (exception is IOException && exception.StackTrace?.Contains(Kestrel, StringComparison.Ordinal) == true);

    /// <summary>Returns whether a request is not a message of its method, or not framed as one.</summary>
    internal static bool IsUnreadable(Exception exception) =>
        exception is InvalidProtocolBufferException
        || (exception is InvalidDataException or IOException && !IsCallers(exception) && exception.StackTrace?.Contains(Frames, StringComparison.Ordinal) == true);

    /// <summary>Records that a request is not a message of its method.</summary>
    internal static void NoteUnreadable()
    {
        if (Current.Value is { } watched)
        {
            watched.IsUnreadable = true;
        }
    }

    /// <summary>Starts recording the errors of this flow of control.</summary>
    internal static Watched Watch() => Current.Value = new Watched();

    private static string NewId()
    {
        Span<byte> bytes = stackalloc byte[8];
        while (true)
        {
            RandomNumberGenerator.Fill(bytes);
            var id = BinaryPrimitives.ReadUInt64BigEndian(bytes).ToString("x16");
            // An id with as many digits in a row as a phone number would be masked in the log.
            if (Redaction.Mask(id) == id)
            {
                return id;
            }
        }
    }

    /// <summary>The errors of one flow of control.</summary>
    internal sealed class Watched
    {
        /// <summary>Id of the first exception, or null.</summary>
        internal string? Id { get; set; }

        /// <summary>The request could not be read.</summary>
        internal bool IsUnreadable { get; set; }

        /// <summary>Returns the error for the caller, or null if nothing failed.</summary>
        internal RpcException? Refusal() => Id is not null ? RpcErrors.Internal(Id) : IsUnreadable ? RpcErrors.Unreadable() : null;
    }
}
