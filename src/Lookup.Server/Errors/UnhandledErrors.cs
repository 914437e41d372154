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
/// Exceptions that no code expects. Each gets an id, which the caller receives, a log entry with its cause under that id, and is
/// counted: the count of a service without faults stays 0.
/// </summary>
internal sealed class UnhandledErrors(ServiceMetrics metrics, ILogger<UnhandledErrors> log)
{
    // What reads and writes bodies. The exception itself may come from a pipe, so its source does not say it.
    private const string Kestrel = "Microsoft.AspNetCore.Server.Kestrel.Core.Internal.Http";

    // What reads frames in the gRPC library.
    private const string Frames = "Grpc.AspNetCore.Server.Internal.PipeExtensions";

    // Set where an answer is written by code that turns exceptions into answers itself, and read where that code logs them.
    private static readonly AsyncLocal<Watched?> Current = new();

    private readonly Counter _count = metrics.Factory.CreateCounter(
        "lookup_unhandled_errors_total", "Exceptions that no code expects; the log has each under the id that the caller received.");

    private Exception? _newest;

    /// <summary>How many there were.</summary>
    internal long Count => (long)_count.Value;

    /// <summary>The newest of them; null where there was none.</summary>
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

    /// <summary>Answers INTERNAL, or HTTP 500, with the id of the exception. Cuts an answer off that has begun.</summary>
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
    /// Whether it is the caller's connection or the frame of its request that failed. Kestrel tells of a stream that was reset before
    /// the request counts as aborted.
    /// </summary>
    internal static bool IsCallers(Exception exception) =>
        exception is BadHttpRequestException or ConnectionResetException or ConnectionAbortedException
        || (exception is IOException && exception.StackTrace?.Contains(Kestrel, StringComparison.Ordinal) == true);

    /// <summary>Whether a request is no message of its method, or not even framed as one.</summary>
    internal static bool IsUnreadable(Exception exception) =>
        exception is InvalidProtocolBufferException
        || (exception is InvalidDataException or IOException && !IsCallers(exception) && exception.StackTrace?.Contains(Frames, StringComparison.Ordinal) == true);

    /// <summary>Notes that a request is no message of its method.</summary>
    internal static void NoteUnreadable()
    {
        if (Current.Value is { } watched)
        {
            watched.IsUnreadable = true;
        }
    }

    /// <summary>Notes what happens in this flow of control from now on.</summary>
    internal static Watched Watch() => Current.Value = new Watched();

    private static string NewId()
    {
        Span<byte> bytes = stackalloc byte[8];
        while (true)
        {
            RandomNumberGenerator.Fill(bytes);
            var id = BinaryPrimitives.ReadUInt64BigEndian(bytes).ToString("x16");
            // One with as many digits in a row as a number has would be masked in the log.
            if (Redaction.Mask(id) == id)
            {
                return id;
            }
        }
    }

    /// <summary>What happened in a flow of control.</summary>
    internal sealed class Watched
    {
        /// <summary>Id of the first exception that was added; null where there was none.</summary>
        internal string? Id { get; set; }

        /// <summary>The request could not be read.</summary>
        internal bool IsUnreadable { get; set; }

        /// <summary>What the caller is to be answered; null where nothing happened.</summary>
        internal RpcException? Refusal() => Id is not null ? RpcErrors.Internal(Id) : IsUnreadable ? RpcErrors.Unreadable() : null;
    }
}
