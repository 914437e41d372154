// For: bounding the memory of a request before any of it is checked.
//
// A message can need far more memory than bytes on the wire: an empty message in a list takes two bytes on the wire and some hundred
// in memory, and so does an unknown field. So nested messages are counted on the wire first, and unknown fields are discarded:
// no response uses them.
//
// https://protobuf.dev/programming-guides/encoding/
using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Lookup.Server.Errors;

namespace Lookup.Server.Http;

/// <summary>Parses the requests of one method and rejects those that would need too much memory.</summary>
internal sealed class MessageBounds
{
    /// <summary>The most nested messages in one request. The largest batch of facts with every field set has about half as many.</summary>
    internal const int MaxMessages = 65_536;

    // The limit of protobuf itself.
    private const int MaxDepth = 100;

    private readonly MessageParser _parser;
    private readonly Shape? _shape;

    internal MessageBounds(MessageDescriptor message)
    {
        _parser = message.Parser.WithDiscardUnknownFields(true);
        var shapes = new Dictionary<MessageDescriptor, Shape>();
        var shape = Shape.Of(message, shapes);
        _shape = shapes.Keys.Any(one => one.Fields.InDeclarationOrder().Any(field => field.IsRepeated && field.FieldType == FieldType.Message))
            ? shape
            : null;
    }

    /// <summary>Parses a request.</summary>
    /// <exception cref="RpcException">INVALID_ARGUMENT: it has too many nested messages.</exception>
    /// <exception cref="InvalidProtocolBufferException">The bytes are not this message.</exception>
    internal IMessage Read(in ReadOnlySequence<byte> payload)
    {
        if (_shape is not null)
        {
            var reader = new SequenceReader<byte>(payload);
            var left = MaxMessages;
            // The parser reports bytes that cannot be scanned; it stops at the same place.
            if (!TryScan(ref reader, payload.Length, _shape, MaxDepth, ref left) && left < 0)
            {
                throw RpcErrors.Invalid("(message)", $"More than {MaxMessages} nested messages; send smaller batches.");
            }
        }

        return _parser.ParseFrom(payload);
    }

    private static bool TryScan(ref SequenceReader<byte> reader, long end, Shape shape, int depth, ref int left)
    {
        while (reader.Consumed < end)
        {
            if (!TryVarint(ref reader, out var tag))
            {
                return false;
            }

            var isRead = (WireFormat.WireType)(tag & 7) switch
            {
                WireFormat.WireType.Varint => TryVarint(ref reader, out _),
                WireFormat.WireType.Fixed64 => TrySkip(ref reader, sizeof(ulong)),
                WireFormat.WireType.Fixed32 => TrySkip(ref reader, sizeof(uint)),
                WireFormat.WireType.LengthDelimited => TryVarint(ref reader, out var length) && length <= end - reader.Consumed
                    && (shape.TryFind((int)(tag >> 3), out var inner)
                        ? --left >= 0 && depth > 0 && TryScan(ref reader, reader.Consumed + length, inner, depth - 1, ref left)
                        : TrySkip(ref reader, length)),
                // Groups are obsolete. The parser would skip them and continue.
                _ => throw RpcErrors.Unreadable(),
            };
            if (!isRead)
            {
                return false;
            }
        }

        return reader.Consumed == end;
    }

    private static bool TrySkip(ref SequenceReader<byte> reader, long count)
    {
        if (reader.Remaining < count)
        {
            return false;
        }

        reader.Advance(count);
        return true;
    }

    // Tags and lengths have 32 bits; the parser also drops higher bits.
    private static bool TryVarint(ref SequenceReader<byte> reader, out uint value)
    {
        var all = 0UL;
        for (var shift = 0; shift < 70 && reader.TryRead(out var next); shift += 7)
        {
            all |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                value = (uint)all;
                return true;
            }
        }

        value = 0;
        return false;
    }

    /// <summary>The message fields of a message.</summary>
    private sealed class Shape
    {
        private readonly Dictionary<int, Shape> _fields = [];

        internal static Shape Of(MessageDescriptor message, Dictionary<MessageDescriptor, Shape> known)
        {
            if (known.TryGetValue(message, out var shape))
            {
                return shape;
            }

            known[message] = shape = new Shape();
            foreach (var field in message.Fields.InDeclarationOrder().Where(field => field.FieldType == FieldType.Message))
            {
                shape._fields[field.FieldNumber] = Of(field.MessageType, known);
            }

            return shape;
        }

        internal bool TryFind(int field, [NotNullWhen(true)] out Shape? shape) => _fields.TryGetValue(field, out shape);
    }
}
