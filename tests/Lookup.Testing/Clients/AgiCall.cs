using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace Lookup.Testing.Clients;

/// <summary>Plays Asterisk: sends the variables of a call to a FastAGI server, and keeps the channel variables that it sets.</summary>
internal sealed partial class AgiCall : IAsyncDisposable
{
    private readonly TcpClient _client = new();
    private readonly Stopwatch _asked = Stopwatch.StartNew();
    private StreamReader _reader = null!;

    /// <summary>The channel variables when the server closed the connection.</summary>
    public Dictionary<string, string> Variables { get; } = [];

    /// <summary>Every value of LOOKUP_VERDICT, in order.</summary>
    public List<string> Verdicts { get; } = [];

    /// <summary>The names of the variables, in the order in which they were set.</summary>
    public List<string> Sets { get; } = [];

    public string Verdict => Variables.GetValueOrDefault("LOOKUP_VERDICT", "");

    /// <summary>Whether the sample dialplan would dial now.</summary>
    public bool MayDial => Verdict == "ALLOW" && _asked.ElapsedMilliseconds < long.Parse(Variables["LOOKUP_REUSABLE_MS"], CultureInfo.InvariantCulture);

    /// <summary>Makes a call as a dialplan does: the question in the URL, the number as the first argument.</summary>
    public static async Task<AgiCall> CheckAsync(IPEndPoint server, string number, string query = "org=acme&purpose=commercial")
    {
        var call = await ConnectAsync(server);
        await call.SendAsync(Request($"agi://127.0.0.1/check?{query}", number));
        await call.ServeAsync();
        return call;
    }

    public static async Task<AgiCall> ConnectAsync(IPEndPoint server)
    {
        var call = new AgiCall();
        await call._client.ConnectAsync(server, TestContext.Current.CancellationToken);
        call._reader = new StreamReader(call._client.GetStream(), Encoding.ASCII);
        return call;
    }

    /// <summary>The variables that Asterisk sends, with the empty line.</summary>
    public static string Request(string url, string? number) =>
        $"agi_network: yes\nagi_network_script: check\nagi_request: {url}\nagi_channel: PJSIP/dialer-00000001\nagi_language: en\nagi_type: PJSIP\n"
        + "agi_uniqueid: 1700000000.1\nagi_version: 20.5.0\nagi_callerid: unknown\nagi_calleridname: caf\u00e9: \"x\"\nagi_dnid: 901\nagi_context: campaign\n"
        + "agi_extension: 902\nagi_priority: 3\nagi_enhanced: 0.0\nagi_accountcode: \nagi_threadid: 1234\n"
        + (number is null ? "" : $"agi_arg_1: {number}\n") + "\n";

    public async Task SendAsync(string text) =>
        await _client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(text), TestContext.Current.CancellationToken);

    /// <summary>Replies to each command until the server closes the connection.</summary>
    /// <param name="beforeReply">Runs before each reply, with the name of the variable.</param>
    /// <param name="reply">The reply.</param>
    /// <param name="isSilent">Whether it leaves a command without a reply.</param>
    public async Task ServeAsync(Func<string, Task>? beforeReply = null, string reply = "200 result=1", Func<bool>? isSilent = null)
    {
        try
        {
            while (await _reader.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
            {
                var set = Set().Match(line);
                Assert.True(set.Success, line);
                var (name, value) = (set.Groups["name"].Value, set.Groups["value"].Value);
                Variables[name] = value;
                Sets.Add(name);
                if (name == "LOOKUP_VERDICT")
                {
                    Verdicts.Add(value);
                }

                await (beforeReply?.Invoke(name) ?? Task.CompletedTask);
                if (isSilent?.Invoke() != true)
                {
                    await SendAsync(reply + "\n");
                }
            }
        }
        catch (IOException)
        {
            // Closed with replies on their way.
        }
    }

    public ValueTask DisposeAsync()
    {
        _reader.Dispose();
        _client.Dispose();
        return ValueTask.CompletedTask;
    }

    [GeneratedRegex("^SET VARIABLE (?<name>[A-Z_]+) \"(?<value>[ -~-[\"\\\\$]]*)\"$")]
    private static partial Regex Set();
}
