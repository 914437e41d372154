using System.Net;
using System.Text;

namespace Lookup.Redis.Topology;

/// <summary>A server's answer to a question about itself: a text, a list, an error, or nothing.</summary>
internal sealed record ServerReply(string? Text, IReadOnlyList<ServerReply> Items, bool IsError)
{
    // A server's answers about itself are far shorter; a list has a few dozen elements.
    private const int MaxLength = 4 * 1024 * 1024;
    private const int MaxItems = 4_096;
    private const int MaxDepth = 4;

    /// <summary>Asks a server on a new connection.</summary>
    /// <param name="options">Connection settings.</param>
    /// <param name="server">The server.</param>
    /// <param name="isSentinel">A sentinel has no databases, and may have no password even if the stores have one.</param>
    /// <param name="clock">Measures the limit.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <param name="questions">Commands, their words separated by spaces.</param>
    /// <exception cref="StoreUnavailableException">The server does not answer.</exception>
    internal static async Task<ServerReply[]> AskAsync(
        StoreOptions options,
        EndPoint server,
        bool isSentinel,
        TimeProvider clock,
        CancellationToken cancellation,
        params string[] questions)
    {
        try
        {
            await using var stream = await RedisConnector.ConnectAsync(options, server, clock, cancellation, isSentinel);
            return await AskAsync(stream, cancellation, questions);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or FormatException)
        {
            throw RedisFaults.Map(e);
        }
    }

    /// <summary>Asks on a connection that is otherwise idle. After a failure the connection is unusable.</summary>
    /// <exception cref="IOException">The connection broke.</exception>
    /// <exception cref="FormatException">The answer is invalid.</exception>
    internal static async Task<ServerReply[]> AskAsync(Stream stream, CancellationToken cancellation, params string[] questions)
    {
        // A character has at most 4 bytes, and the frame of a word about a dozen.
        var request = new RespBuffer(questions.Sum(question => 64 + (16 * question.Length)));
        foreach (var words in questions.Select(question => question.Split(' ')))
        {
            request.AppendCommand(words.Length);
            foreach (var word in words)
            {
                request.AppendBulk(Encoding.UTF8.GetBytes(word));
            }
        }

        await stream.WriteAsync(request.Written, cancellation);
        // Do not dispose: that would close the connection.
        var answers = new BufferedStream(stream);
        var replies = new ServerReply[questions.Length];
        for (var i = 0; i < replies.Length; i++)
        {
            replies[i] = await ReadAsync(answers, 0, cancellation);
        }

        return replies;
    }

    private static async Task<ServerReply> ReadAsync(Stream stream, int depth, CancellationToken cancellation)
    {
        var line = await LineAsync(stream, cancellation);
        switch (line[0])
        {
            case '-':
                return new ServerReply(line[1..], [], true);
            case '$' when Length(line, MaxLength) is var length:
                if (length < 0)
                {
                    return new ServerReply(null, [], false);
                }

                var bytes = new byte[length + 2];
                await stream.ReadExactlyAsync(bytes, cancellation);
                return new ServerReply(Encoding.UTF8.GetString(bytes, 0, length), [], false);
            case '*' when depth < MaxDepth && Length(line, MaxItems) is var count:
                var items = new ServerReply[Math.Max(count, 0)];
                for (var i = 0; i < items.Length; i++)
                {
                    items[i] = await ReadAsync(stream, depth + 1, cancellation);
                }

                return new ServerReply(null, items, false);
            case '+' or ':':
                return new ServerReply(line[1..], [], false);
            default:
                throw new FormatException();
        }
    }

    private static int Length(string line, int most)
    {
        var length = int.Parse(line.AsSpan(1), System.Globalization.CultureInfo.InvariantCulture);
        return length <= most ? length : throw new FormatException();
    }

    private static async Task<string> LineAsync(Stream stream, CancellationToken cancellation)
    {
        const int MaxLine = 4_096;
        var line = new StringBuilder();
        var one = new byte[1];
        while (line.Length < MaxLine)
        {
            await stream.ReadExactlyAsync(one, cancellation);
            if (one[0] == '\n' && line.Length > 1)
            {
                return line.ToString(0, line.Length - 1);
            }

            line.Append((char)one[0]);
        }

        throw new FormatException();
    }
}
