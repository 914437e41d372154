using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using Lookup.Cli.Commands;
using Lookup.Cli.Gates;
using Lookup.Cli.Sip;
using Lookup.Client;
using Lookup.Client.Testing;
using Lookup.V1;

namespace Lookup.ServiceTests.Gates;

/// <summary>The SIP redirect server when its port, its map, its credential, the order or the speed of messages is not as it should be.</summary>
public sealed class SipGateFaultTests : IAsyncLifetime
{
    private const string Trunks = """
        {"trunks": [{"name": "sales", "from": ["127.0.0.1"], "host": "gate.example", "question": {"org": "acme", "purpose": "commercial"},
                     "redirect": "sip:{number}@carrier.example"},
                    {"name": "v6", "from": ["127.0.0.1"], "host": "[2001:DB8:0::1]", "question": {"org": "bolt", "purpose": "commercial"},
                     "redirect": "sip:{number}@carrier.example"}]}
        """;

    private static readonly string Called = $"sip:{MagicNumbers.Allow}@gate.example";

    private readonly GateTally _tally = new();
    private readonly List<string> _warnings = [];
    private CheckCall _check = (_, _, _, _) => new TaskCompletionSource<CheckResult>().Task;
    private SipGate _gate = null!;
    private SipServer _server = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _gate = new SipGate(TrunkFile.Read(Trunks), new CallGate((number, question, options, ct) => _check(number, question, options, ct), _tally, _warnings.Add));
        _server = await SipServer.StartAsync(new IPEndPoint(IPAddress.Loopback, 0), _gate, TimeSpan.FromSeconds(1));
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _gate.DisposeAsync();
    }

    // Two gates on one port would share its connections, and answer for different stores.
    [Fact]
    public void Start_OnAPortInUse_IsRefused()
    {
        var fault = Assert.Throws<SocketException>(() => SipTcp.Start(_server.EndPoint, _gate, TimeSpan.FromSeconds(1)));

        Assert.Equal(SocketError.AddressAlreadyInUse, fault.SocketErrorCode);
    }

    // Both in one segment: the gate has the second message when it begins with the first.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Cancel_DirectlyAfterItsInvite_FindsIt(bool isTcp)
    {
        using var client = await SipClient.ConnectAsync(_server.EndPoint, isTcp);
        for (var i = 0; i < 25; i++)
        {
            var invite = client.Request(Called, id: $"c{i}");
            var cancel = client.Request(Called, "CANCEL", id: $"c{i}");
            if (isTcp)
            {
                await client.SendAsync(invite + cancel);
            }
            else
            {
                await client.SendAsync(invite);
                await client.SendAsync(cancel);
            }

            // Over UDP, the answer to an earlier INVITE is repeated until its ACK arrives.
            var responses = new List<string>();
            while (responses.Count < 2)
            {
                var response = await client.FinalAsync();
                if (response.Contains($"Call-ID: c{i}@", StringComparison.Ordinal))
                {
                    responses.Add(response);
                }
            }

            await client.AcknowledgeAsync(invite);
            Assert.Equal([200, 487], responses.Select(SipClient.Code).Order());
        }
    }

    [Fact]
    public async Task Tcp_MessageByteByByte_HasOneTimeLimit()
    {
        using var client = await SipClient.ConnectAsync(_server.EndPoint, isTcp: true);
        var closed = Record.ExceptionAsync(client.ReceiveAsync).AsTask();
        foreach (var part in client.Request(Called, "OPTIONS"))
        {
            // A pace at which no single byte is late.
            if (await Task.WhenAny(closed, Task.Delay(50, Token)) == closed)
            {
                break;
            }

            await Record.ExceptionAsync(() => client.SendAsync($"{part}"));
        }

        Assert.True(await closed is EndOfStreamException or SocketException, (await closed)?.ToString() ?? "a response");
    }

    // The cause concerns every call; a code that sends the switch to its next route would let all of them past the gate.
    [Theory]
    [InlineData(StatusCode.Unauthenticated, "The service rejects calls of this gate: No key. Set LOOKUP_API_KEY, or use --api-key.")]
    [InlineData(StatusCode.PermissionDenied, "The service rejects calls of this gate: No key.")]
    [InlineData(StatusCode.InvalidArgument, "The service rejects calls of this gate: No key.")]
    public async Task Invite_CredentialOrQuestionRejected_IsDeclinedAndSaidOnce(StatusCode status, string warning)
    {
        _check = (number, _, _, _) => Task.FromResult(CheckResult.Failed(number, LookupException.Because(status, "No key.")));
        using var client = await SipClient.ConnectAsync(_server.EndPoint);
        foreach (var _ in (int[])[1, 2])
        {
            var response = await client.InviteAsync(Called);
            Assert.Equal(603, SipClient.Code(response));
            Assert.Contains("Reason: SIP;cause=603;text=\"UNKNOWN REFUSED\"\r\nWarning: 399 lookup \"No key.\"\r\n", response, StringComparison.Ordinal);
        }

        Assert.Equal([warning], _warnings);
        Assert.Contains("unknown 2 (REFUSED 2)", _tally.Format(json: false), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Invite_NumberRejected_IsNoFaultOfTheGate()
    {
        _check = (number, _, _, _) => Task.FromResult(Rejecting(number, "number"));
        using var client = await SipClient.ConnectAsync(_server.EndPoint);

        Assert.Equal(484, SipClient.Code(await client.InviteAsync(Called)));
        Assert.Empty(_warnings);
    }

    [Fact]
    public async Task Invite_OfNoTrunk_IsDeclined()
    {
        using var client = await SipClient.ConnectAsync(_server.EndPoint);
        var response = await client.InviteAsync($"sip:{MagicNumbers.Allow}@other.example");

        Assert.Equal(603, SipClient.Code(response));
        Assert.Contains("X-Lookup-Reason: NO_TRUNK\r\n", response, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gate.example.", "acme")]
    [InlineData("GATE.example:5060", "acme")]
    [InlineData("[2001:db8::0:1]:5060", "bolt")]
    public async Task Host_InAnotherSpelling_IsTheSame(string host, string organisation)
    {
        var asked = new List<string>();
        _check = (number, question, _, _) =>
        {
            asked.Add(question.Organisation);
            return Task.FromResult(Rejecting(number, "number"));
        };
        using var client = await SipClient.ConnectAsync(_server.EndPoint);
        await client.InviteAsync($"sip:{MagicNumbers.Allow}@{host}");

        Assert.Equal([organisation], asked);
    }

    [Fact]
    public async Task Start_QuestionRejected_NamesTheTrunk()
    {
        var trunks = TrunkFile.Read(Trunks);
        var why = await SipCommand.RejectedAsync(
            trunks, (number, question, _, _) => Task.FromResult(Rejecting(number, question.Organisation == "bolt" ? "question.called_region" : "number")), Token);
        var all = await SipCommand.RejectedAsync(
            trunks, (number, _, _, _) => Task.FromResult(CheckResult.Failed(number, LookupException.Because(StatusCode.Unauthenticated, "No key."))), Token);

        Assert.Equal(["The service rejects the calls of v6: question.called_region: Not valid. They are declined until it accepts them."], why);
        Assert.Equal(["The service rejects the calls of sales, v6: No key. Set LOOKUP_API_KEY, or use --api-key. They are declined until it accepts them."], all);
    }

    private static CheckResult Rejecting(string number, string field) => CheckResult.Failed(
        number, LookupException.Because(StatusCode.InvalidArgument, "Not valid.", fields: [new FieldError { Field = field, Description = "Not valid." }]));
}
