// For: the commands of Redis that Lookup's store uses, and no others. Each behaves as in Redis.
using System.Buffers.Text;
using System.Text;
using Lookup.Embedded.Engine;

namespace Lookup.Embedded.Protocol;

/// <summary>Executes commands on a view of the values.</summary>
internal static class Commands
{
    /// <summary>Executes a command that changes nothing.</summary>
    /// <returns>False if it is none of these commands.</returns>
    /// <exception cref="CommandFault">The command is invalid.</exception>
    internal static bool TryRead(ReadView view, Command command, IReply reply)
    {
        switch (command.Kind)
        {
            case CommandKind.HGet:
                Value(reply, view.HashGet(command[1], command[2]));
                return true;
            case CommandKind.HMGet:
                reply.Array(command.Count - 2);
                for (var i = 2; i < command.Count; i++)
                {
                    Value(reply, view.HashGet(command[1], command[i]));
                }

                return true;
            case CommandKind.HExists:
                reply.Number(view.HashGet(command[1], command[2]) is null ? 0 : 1);
                return true;
            case CommandKind.HGetAll:
                Fields(view, command, reply, withValues: true);
                return true;
            case CommandKind.HKeys:
                Fields(view, command, reply, withValues: false);
                return true;
            case CommandKind.HLen:
                long fields = 0;
                view.HashEach(command[1], (_, _) => fields++);
                reply.Number(fields);
                return true;
            case CommandKind.Exists:
                long there = 0;
                for (var i = 1; i < command.Count; i++)
                {
                    there += view.Exists(command[i]) ? 1 : 0;
                }

                reply.Number(there);
                return true;
            case CommandKind.Get:
                Value(reply, view.StringGet(command[1]));
                return true;
            case CommandKind.StrLen:
                reply.Number(Math.Max(0, view.StringLength(command[1])));
                return true;
            case CommandKind.GetRange:
                var (from, to) = ReadView.Clamp(command.Number(2), command.Number(3), Math.Max(0, view.StringLength(command[1])));
                reply.Bytes(from > to ? [] : view.StringRange(command[1], from, to - from + 1));
                return true;
            case CommandKind.LLen:
                reply.Number(view.ListLength(command[1]));
                return true;
            case CommandKind.LIndex:
                Value(reply, view.ListIndex(command[1], command.Number(2)));
                return true;
            case CommandKind.LRange:
                var elements = view.ListRange(command[1], command.Number(2), command.Number(3));
                reply.Array(elements.Count);
                elements.ForEach(element => reply.Bytes(element));
                return true;
            // Returns everything in one answer: a read blocks no other connection.
            case CommandKind.HScan:
                reply.Array(2);
                reply.Bytes("0"u8);
                Fields(view, command, reply, withValues: true);
                return true;
            case CommandKind.SScan:
                reply.Array(2);
                reply.Bytes("0"u8);
                Members(view, command, reply);
                return true;
            case CommandKind.SMembers:
                Members(view, command, reply);
                return true;
            case CommandKind.ZCard:
                reply.Number(view.SortedCount(command[1]));
                return true;
            case CommandKind.ZRangeByScore:
                Range(view, command, reply, least: 2, isReversed: false);
                return true;
            case CommandKind.ZRevRangeByScore:
                Range(view, command, reply, least: 3, isReversed: true);
                return true;
            case CommandKind.Time:
                reply.Array(2);
                reply.Bytes(Ascii(view.Now / 1000));
                reply.Bytes(Ascii(view.Now % 1000 * 1000));
                return true;
            default:
                return false;
        }
    }

    /// <summary>Executes a command that changes something.</summary>
    /// <returns>False if it is none of these commands.</returns>
    /// <exception cref="CommandFault">The command is invalid.</exception>
    internal static bool TryWrite(WriteView view, Command command, IReply reply)
    {
        switch (command.Kind)
        {
            case CommandKind.HSet:
            case CommandKind.HMSet:
                if (command.Count < 4 || command.Count % 2 != 0)
                {
                    throw new CommandFault("ERR wrong number of arguments");
                }

                long added = 0;
                for (var i = 2; i < command.Count; i += 2)
                {
                    added += view.HashSet(command[1], command[i], command[i + 1]) ? 1 : 0;
                }

                if (command.Kind == CommandKind.HMSet)
                {
                    reply.Status("OK");
                }
                else
                {
                    reply.Number(added);
                }

                return true;
            case CommandKind.HSetNx:
                var isNew = view.HashGet(command[1], command[2]) is null;
                if (isNew)
                {
                    view.HashSet(command[1], command[2], command[3]);
                }

                reply.Number(isNew ? 1 : 0);
                return true;
            case CommandKind.HDel:
                long removed = 0;
                for (var i = 2; i < command.Count; i++)
                {
                    removed += view.HashDelete(command[1], command[i]) ? 1 : 0;
                }

                reply.Number(removed);
                return true;
            case CommandKind.HIncrBy:
                Increment(view, command, reply);
                return true;
            case CommandKind.Set:
                Set(view, command, reply);
                return true;
            case CommandKind.SetEx:
                view.StringSet(command[1], command[3], view.Now + (command.Number(2) * 1000));
                reply.Status("OK");
                return true;
            case CommandKind.PSetEx:
                view.StringSet(command[1], command[3], view.Now + command.Number(2));
                reply.Status("OK");
                return true;
            case CommandKind.FlushAll:
                view.DeleteAll();
                reply.Status("OK");
                return true;
            case CommandKind.Del:
            case CommandKind.Unlink:
                long deleted = 0;
                for (var i = 1; i < command.Count; i++)
                {
                    deleted += view.Delete(command[i]) ? 1 : 0;
                }

                reply.Number(deleted);
                return true;
            case CommandKind.PExpire:
                var isString = view.StringLength(command[1]) >= 0;
                if (isString)
                {
                    view.StringExpire(command[1], view.Now + command.Number(2));
                }

                reply.Number(isString ? 1 : 0);
                return true;
            case CommandKind.Expire:
                Expire(view, command, reply);
                return true;
            case CommandKind.Persist:
                reply.Number(view.Persist(command[1]) ? 1 : 0);
                return true;
            case CommandKind.SAdd:
                long members = 0;
                for (var i = 2; i < command.Count; i++)
                {
                    members += view.SetAdd(command[1], command[i]) ? 1 : 0;
                }

                reply.Number(members);
                return true;
            case CommandKind.ZAdd:
                long scored = 0;
                for (var i = 2; i < command.Count; i += 2)
                {
                    scored += view.SortedAdd(command[1], Score(command[i]), command[i + 1]) ? 1 : 0;
                }

                reply.Number(scored);
                return true;
            case CommandKind.ZRem:
                long gone = 0;
                for (var i = 2; i < command.Count; i++)
                {
                    gone += view.SortedRemove(command[1], command[i]) ? 1 : 0;
                }

                reply.Number(gone);
                return true;
            case CommandKind.SetRange:
                reply.Number(view.StringSetRange(command[1], command.Number(2), command[3]));
                return true;
            case CommandKind.SetBit:
                Bits(view, command, [(command.Number(2), Bit(command, 3))], reply, isArray: false);
                return true;
            case CommandKind.BitField:
                BitField(view, command, reply);
                return true;
            case CommandKind.RPush:
                long length = 0;
                for (var i = 2; i < command.Count; i++)
                {
                    length = view.ListPush(command[1], command[i]);
                }

                reply.Number(length);
                return true;
            case CommandKind.LPop:
                Value(reply, view.ListPop(command[1]));
                return true;
            case CommandKind.LTrim:
                view.ListTrim(command[1], command.Number(2), command.Number(3));
                reply.Status("OK");
                return true;
            default:
                return false;
        }
    }

    private static void Value(IReply reply, byte[]? value)
    {
        if (value is null)
        {
            reply.Null();
        }
        else
        {
            reply.Bytes(value);
        }
    }

    private static void Fields(ReadView view, Command command, IReply reply, bool withValues)
    {
        var all = new List<byte[]>();
        view.HashEach(command[1], (field, value) =>
        {
            all.Add(field.ToArray());
            if (withValues)
            {
                all.Add(value.ToArray());
            }
        });
        reply.Array(all.Count);
        all.ForEach(one => reply.Bytes(one));
    }

    private static void Members(ReadView view, Command command, IReply reply)
    {
        var all = new List<byte[]>();
        view.SetEach(command[1], (member, _) => all.Add(member.ToArray()));
        reply.Array(all.Count);
        all.ForEach(one => reply.Bytes(one));
    }

    // KEY MIN MAX, or KEY MAX MIN if reversed, and LIMIT with an offset and a count.
    private static void Range(ReadView view, Command command, IReply reply, int least, bool isReversed)
    {
        var (min, isAboveMin) = Bound(command[least]);
        var (max, isBelowMax) = Bound(command[5 - least]);
        var (skip, take) = (0L, -1L);
        if (command.Count > 4)
        {
            if (command.Count != 7 || !command.Is(4, "LIMIT"u8))
            {
                throw new CommandFault("ERR syntax error");
            }

            (skip, take) = (command.Number(5), command.Number(6));
        }

        var found = view.SortedAll(command[1])
            .Where(one => (isAboveMin ? one.Score > min : one.Score >= min) && (isBelowMax ? one.Score < max : one.Score <= max))
            .ToList();
        if (isReversed)
        {
            found.Reverse();
        }

        var members = found.Skip((int)skip).Take(take < 0 ? int.MaxValue : (int)Math.Min(take, int.MaxValue)).ToList();
        reply.Array(members.Count);
        members.ForEach(one => reply.Bytes(one.Member));
    }

    private static (double Score, bool IsOpen) Bound(ReadOnlySpan<byte> text) =>
        text.StartsWith("("u8) ? (Score(text[1..]), true) : (Score(text), false);

    private static double Score(ReadOnlySpan<byte> text)
    {
        var sign = text.StartsWith("-"u8) ? -1 : 1;
        if (System.Text.Ascii.EqualsIgnoreCase(text.TrimStart("+-"u8), "inf"u8))
        {
            return sign * double.PositiveInfinity;
        }

        return Utf8Parser.TryParse(text, out double score, out var used) && used == text.Length
            ? score
            : throw new CommandFault("ERR value is not a valid float");
    }

    private static byte[] Ascii(long number) => Encoding.ASCII.GetBytes(number.ToString(System.Globalization.CultureInfo.InvariantCulture));

    private static void Expire(WriteView view, Command command, IReply reply)
    {
        var expires = view.Now + (command.Number(2) * 1000);
        var exists = view.Exists(command[1]);
        if (view.StringLength(command[1]) >= 0)
        {
            view.StringExpire(command[1], expires);
        }
        else if (exists)
        {
            view.Expire(command[1], expires);
        }

        reply.Number(exists ? 1 : 0);
    }

    private static void Increment(WriteView view, Command command, IReply reply)
    {
        long number = 0;
        if (view.HashGet(command[1], command[2]) is { } value && (!Utf8Parser.TryParse(value, out number, out var used) || used != value.Length))
        {
            throw new CommandFault("ERR hash value is not an integer");
        }

        number = checked(number + command.Number(3));
        view.HashSet(command[1], command[2], Ascii(number));
        reply.Number(number);
    }

    private static void Set(WriteView view, Command command, IReply reply)
    {
        long expires = 0;
        var onlyNew = false;
        for (var i = 3; i < command.Count; i++)
        {
            if (command.Is(i, "NX"u8))
            {
                onlyNew = true;
            }
            else if (command.Is(i, "PX"u8))
            {
                expires = view.Now + command.Number(++i);
            }
            else if (command.Is(i, "EX"u8))
            {
                expires = view.Now + (command.Number(++i) * 1000);
            }
            else
            {
                throw new CommandFault("ERR syntax error");
            }
        }

        if (onlyNew && view.Exists(command[1]))
        {
            reply.Null();
            return;
        }

        view.StringSet(command[1], command[2], expires);
        reply.Status("OK");
    }

    // SET u1, which writes filters; or SET u16 and INCRBY u16 with OVERFLOW SAT at whole bytes, which count buckets.
    private static void BitField(WriteView view, Command command, IReply reply)
    {
        if (command.Is(2, "SET"u8) && command.Is(3, "u1"u8))
        {
            if (command.Count < 6 || (command.Count - 2) % 4 != 0)
            {
                throw new CommandFault("ERR syntax error");
            }

            var changes = new (long, bool)[(command.Count - 2) / 4];
            for (var i = 0; i < changes.Length; i++)
            {
                var at = 2 + (4 * i);
                if (!command.Is(at, "SET"u8) || !command.Is(at + 1, "u1"u8))
                {
                    throw new CommandFault("ERR only SET u1 can be combined with SET u1");
                }

                changes[i] = (command.Number(at + 2), Bit(command, at + 3));
            }

            Bits(view, command, changes, reply, isArray: true);
            return;
        }

        var first = command.Is(2, "OVERFLOW"u8) && command.Is(3, "SAT"u8) ? 4 : 2;
        if (command.Count <= first || (command.Count - first) % 4 != 0)
        {
            throw new CommandFault("ERR syntax error");
        }

        var answers = new List<long>();
        for (var at = first; at < command.Count; at += 4)
        {
            var isSet = command.Is(at, "SET"u8);
            var offset = command.Number(at + 2);
            if ((!isSet && (first == 2 || !command.Is(at, "INCRBY"u8))) || !command.Is(at + 1, "u16"u8) || offset < 0 || offset % 8 != 0)
            {
                throw new CommandFault("ERR only SET u1, SET u16 and, with OVERFLOW SAT, INCRBY u16 at whole bytes are supported");
            }

            var before = Number16(view, command[1], offset / 8);
            var after = Math.Clamp(isSet ? command.Number(at + 3) : before + command.Number(at + 3), 0, ushort.MaxValue);
            view.StringSetRange(command[1], offset / 8, [(byte)(after >> 8), (byte)after]);
            answers.Add(isSet ? before : after);
        }

        reply.Array(answers.Count);
        answers.ForEach(reply.Number);
    }

    // Two bytes of a string; bytes beyond its end are zero.
    private static long Number16(ReadView view, ReadOnlySpan<byte> name, long at)
    {
        var bytes = view.StringRange(name, at, Math.Clamp(view.StringLength(name) - at, 0, 2));
        return ((bytes.Length > 0 ? bytes[0] : 0) << 8) | (bytes.Length > 1 ? bytes[1] : 0);
    }

    private static void Bits(WriteView view, Command command, ReadOnlySpan<(long, bool)> changes, IReply reply, bool isArray)
    {
        var before = new bool[changes.Length];
        view.StringSetBits(command[1], changes, before);
        if (isArray)
        {
            reply.Array(before.Length);
        }

        foreach (var bit in before)
        {
            reply.Number(bit ? 1 : 0);
        }
    }

    private static bool Bit(Command command, int index) => command.Number(index) switch
    {
        0 => false,
        1 => true,
        _ => throw new CommandFault("ERR bit is not an integer or out of range"),
    };
}
