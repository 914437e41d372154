using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Lookup.Cli.Agi;
using Lookup.Cli.Gates;
using Lookup.Client;
using Lookup.Client.Testing;
using Lookup.V1;

namespace Lookup.ServiceTests.Gates;

/// <summary>The FastAGI server, asked by a TCP client that plays Asterisk.</summary>
public sealed partial class AgiServerTests : IAsyncLifetime
{
    private const string Deny = MagicNumbers.DenyByObjection;

    // Longer than the slowest machine takes.
    private static readonly FakeAnswer Allow = FakeAnswer.Allow() with { ReusableFor = TimeSpan.FromMinutes(5) };

    private readonly FakeLookup _fake = new FakeLookup().On(MagicNumbers.Allow, Allow);
    private readonly GateTally _tally = new();
    private AgiServer _server = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync()
    {
        _server = Start(_fake.CheckAsync, new AgiLimits(100, TimeSpan.FromMinutes(1), []));
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Call_Allowed_SetsAllowLast()
    {
        await using var call = await AgiCall.CheckAsync(_server.EndPoint, MagicNumbers.Allow);

        Assert.Equal(["UNKNOWN", "ALLOW"], call.Verdicts);
        Assert.Equal("LOOKUP_VERDICT", call.Variables.Keys.First());
        // Before the ALLOW, or a session that ends between them would leave an ALLOW that lasts as long as an earlier one.
        Assert.Equal(["LOOKUP_REUSABLE_MS", "LOOKUP_VERDICT"], call.Sets.TakeLast(2));
        Assert.Equal("300000", call.Variables["LOOKUP_REUSABLE_MS"]);
        Assert.Equal((MagicNumbers.Allow, "NOTHING_FORBIDS"), (call.Variables["LOOKUP_NUMBER"], call.Variables["LOOKUP_REASON"]));
        Assert.DoesNotContain("DIALSTATUS", call.Variables.Keys);
        Assert.Equal((Purpose.Commercial, "acme"), (_fake.Asked[0].Question.Purpose, _fake.Asked[0].Question.Organisation));
    }

    [Theory]
    [InlineData(Deny, "DENY", "OBJECTION", "DNC", "21")]
    [InlineData(MagicNumbers.NotCovered, "NOT_COVERED", "NO_REGIME", "CONGESTION", "42")]
    [InlineData(MagicNumbers.Unknown, "UNKNOWN", "STORE_UNAVAILABLE", "CONGESTION", "42")]
    [InlineData(MagicNumbers.Unavailable, "UNKNOWN", "UNAVAILABLE", "CONGESTION", "42")]
    [InlineData(MagicNumbers.Overloaded, "UNKNOWN", "OVERLOADED", "CONGESTION", "42")]
    [InlineData(MagicNumbers.Refused, "UNKNOWN", "REFUSED", "CONGESTION", "42")]
    [InlineData(MagicNumbers.Broken, "UNKNOWN", "BROKEN", "CONGESTION", "42")]
    [InlineData(MagicNumbers.Hypothetical, "UNKNOWN", "EXPIRED", "CONGESTION", "42")]
    [InlineData(MagicNumbers.Expired, "UNKNOWN", "EXPIRED", "CONGESTION", "42")]
    [InlineData("call me", "UNKNOWN", "REFUSED", "CONGESTION", "42")]
    public async Task Call_NotAllowed_NeverSetsAllow(string number, string verdict, string reason, string status, string cause)
    {
        await using var call = await AgiCall.CheckAsync(_server.EndPoint, number);

        Assert.Equal(["UNKNOWN", verdict], call.Verdicts);
        Assert.Equal((reason, status, cause), (call.Variables["LOOKUP_REASON"], call.Variables["DIALSTATUS"], call.Variables["LOOKUP_CAUSE"]));
    }

    // DNC makes VICIdial close the lead; tomorrow the same call is permitted.
    [Fact]
    public async Task Call_DeniedUntilLater_IsNotDnc()
    {
        var decision = new Decision { Verdict = Verdict.Deny, NextPermittedTime = new(), Reasons = { new Reason { Code = ReasonCode.OutsideHours } } };
        await using var server = Start(
            (number, _, _, _) => Task.FromResult(CheckResult.Answered(new CheckResponse { Number = number, Decision = decision }, Moment.Now(TimeProvider.System))),
            new AgiLimits(1, TimeSpan.FromMinutes(1), []));

        await using var call = await AgiCall.CheckAsync(server.EndPoint, "+31612345678");

        Assert.Equal(("DENY", "CONGESTION"), (call.Verdict, call.Variables["DIALSTATUS"]));
    }

    // The dialplan calls what its argument names. An empty one is an empty variable, not a wish for the extension.
    [Theory]
    [InlineData("agi_arg_1: +447700900001\n", "", "ALLOW")]
    [InlineData("agi_extension: +447700900001\n", "", "ALLOW")]
    [InlineData("agi_dnid: +447700900001\n", "", "ALLOW")]
    [InlineData("agi_extension: 07700900001\n", "&region=GB", "ALLOW")]
    [InlineData("agi_arg_1: +447700900021\nagi_extension: +447700900001\n", "", "DENY")]
    [InlineData("agi_arg_1: \nagi_extension: +447700900001\n", "", "UNKNOWN")]
    [InlineData("agi_arg_1: +447700900001\n", "&number=%2B447700900021", "DENY")]
    [InlineData("agi_arg_1: +447700900021\n", "&number=%2B447700900001", "ALLOW")]
    [InlineData("agi_extension: +447700900001\n", "&number=", "UNKNOWN")]
    public async Task Number_OfSeveralSources_IsTheMostExplicit(string lines, string query, string verdict)
    {
        _fake.On((number, _) => number == "07700900001", Allow);
        await using var call = await SentAsync($"agi_request: agi://h/check?org=acme&purpose=commercial{query}\n{lines}\n");

        Assert.Equal(verdict, call.Verdict);
    }

    [Theory]
    [InlineData("org=acme", "purpose is missing")]
    [InlineData("purpose=commercial", "org is missing")]
    [InlineData("", "")]
    [InlineData("org=acme&purpose=fun", "purpose 'fun' is not valid")]
    [InlineData("org=acme&purpose=commercial&org=bolt", "Duplicate field 'org'")]
    [InlineData("org=acme&purpose=commercial&orgg=bolt", "Unknown field 'orgg'")]
    [InlineData("org=acme&purpose=commercial&mode=", "mode is empty")]
    [InlineData("org=acme&purpose=commercial&withheld=maybe", "use yes or no")]
    [InlineData("org=Acme%20Ltd&purpose=commercial", "org must have 1 to 64 characters of a-z")]
    [InlineData("org=acme&purpose=commercial&group=Energy", "group must have 1 to 64 characters of a-z")]
    [InlineData("org=acme&purpose=commercial&region=UK", "region must be an ISO 3166 code of two letters such as NL, not 'UK'")]
    [InlineData("org=acme&purpose=commercial&caller=me", "caller: ")]
    [InlineData("org=acme&purpose=commercial&caller=%2B34911234567&withheld=yes", "withheld contradicts caller")]
    [InlineData("org=acme&purpose=commercial&automated=yes&mode=preview", "automated contradicts mode")]
    [InlineData("org=acme&purpose=commercial&requested-at=2026-03-02T10:15:00Z", "requested-at is only valid with kind requested")]
    [InlineData("org=acme&purpose=commercial&number=%2B447700900001&number=%2B447700900001", "number")]
    public async Task Question_NotValid_IsUnknownAndIsNotAsked(string query, string message)
    {
        await using var call = await AgiCall.CheckAsync(_server.EndPoint, MagicNumbers.Allow, query);

        Assert.Equal(("UNKNOWN", "INVALID_REQUEST"), (call.Verdict, call.Variables["LOOKUP_REASON"]));
        Assert.Contains(message, call.Variables["LOOKUP_MESSAGE"], StringComparison.Ordinal);
        Assert.Empty(_fake.Asked);
    }

    [Fact]
    public async Task Question_EveryField_ReachesTheService()
    {
        await using var call = await AgiCall.CheckAsync(
            _server.EndPoint,
            MagicNumbers.Allow,
            "org=acme&purpose=charity&kind=requested&mode=preview&sector=ideal_or_charity&subscriber=consumer&group=pensions&caller=%2B34911234567&called-region=US-FL&line=mobile&automated=no&withheld=no&region=NL&requested-at=2026-03-02T10:15:00Z");

        Assert.Equal("ALLOW", call.Verdict);
        var question = _fake.Asked[0].Question;
        Assert.Equal((Purpose.Charity, DiallingMode.Preview, "+34911234567", "US-FL"), (question.Purpose, question.DiallingMode, question.CallerNumber, question.CalledRegion));
        Assert.Equal((LineType.Mobile, SubscriberType.Consumer, "pensions", "NL"), (question.LineType, question.Subscriber, question.ProductGroup, _fake.Asked[0].DefaultRegion));
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("agi_request: agi://h/other?org=acme&purpose=commercial\nagi_arg_1: +447700900001\n\n")]
    [InlineData("agi_request: agi://h\nagi_arg_1: +447700900001\n\n")]
    [InlineData("agi_request: agi://h/check?org=acme&purpose=commercial\nagi_arg_1: +447700900001\nagi_arg_1: +447700900021\n\n")]
    [InlineData("agi_request: agi://h/check?org=acme&purpose=commercial\nagi_arg_1: +447700900001\nno colon\n\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: x\r\n\r\n")]
    public async Task Request_Malformed_IsUnknown(string request)
    {
        await using var call = await SentAsync(request);

        Assert.Equal("UNKNOWN", call.Verdict);
        Assert.Empty(_fake.Asked);
    }

    [Fact]
    public async Task Request_OverALimit_ClosesTheConnection()
    {
        await using var line = await SentAsync("agi_request: " + new string('x', 5000));
        await using var lines = await SentAsync(string.Concat(Enumerable.Range(0, 300).Select(i => $"agi_{i}: x\n")));

        Assert.Empty(line.Variables);
        Assert.Empty(lines.Variables);
        await AssertServesAsync();
    }

    // Texts of the service and of callers must not become commands or expressions.
    [Fact]
    public async Task Value_WithQuotesAndLineEnds_StaysOneValue()
    {
        await using var call = await AgiCall.CheckAsync(_server.EndPoint, MagicNumbers.Allow, "org=acme&purpose=%22%0aSET%20VARIABLE%20LOOKUP_VERDICT%20%22ALLOW%22%24%7bX%7d");

        Assert.Equal(["UNKNOWN", "UNKNOWN"], call.Verdicts);
        Assert.DoesNotMatch(Expression(), call.Variables["LOOKUP_MESSAGE"]);
    }

    [Theory]
    [InlineData("510 Invalid or unknown command")]
    [InlineData("511 Command Not Permitted on a dead channel or intercept routine")]
    [InlineData("HANGUP")]
    [InlineData("")]
    public async Task Reply_NotSuccess_EndsTheSessionWithoutAllow(string reply)
    {
        await using var call = await AgiCall.ConnectAsync(_server.EndPoint);
        await call.SendAsync(AgiCall.Request("agi://h/check?org=acme&purpose=commercial", MagicNumbers.Allow));
        await call.ServeAsync(reply: reply);

        Assert.Equal("UNKNOWN", call.Verdict);
    }

    // The dialplan continues when the connection closes, and must not find an ALLOW that has expired meanwhile.
    [Fact]
    public async Task Reply_LaterThanTheAnswerLasts_TakesTheAllowBack()
    {
        var lasts = TimeSpan.FromSeconds(2);
        _fake.On("+31612345678", FakeAnswer.Allow() with { ReusableFor = lasts });
        await using var call = await AgiCall.ConnectAsync(_server.EndPoint);
        await call.SendAsync(AgiCall.Request("agi://h/check?org=acme&purpose=commercial", "+31612345678"));
        await call.ServeAsync(async name => await Task.Delay(name == "LOOKUP_VERDICT" ? lasts : TimeSpan.Zero, Token));

        Assert.Equal("UNKNOWN", call.Verdict);
        Assert.Equal(("EXPIRED", "CONGESTION"), (call.Variables["LOOKUP_REASON"], call.Variables["DIALSTATUS"]));
    }

    // Asterisk has taken the ALLOW and does not reply: it reads one more command before the end of the connection.
    [Fact]
    public async Task Reply_ToTheAllowMissing_TakesTheAllowBackWithoutIt()
    {
        var server = Start(_fake.CheckAsync, new AgiLimits(1, TimeSpan.FromMinutes(1), []));
        await using var call = await AgiCall.ConnectAsync(server.EndPoint);
        await call.SendAsync(AgiCall.Request("agi://h/check?org=acme&purpose=commercial", MagicNumbers.Allow));
        var allowed = new TaskCompletionSource();
        var serving = call.ServeAsync(isSilent: () => call.Verdict == "ALLOW" && (allowed.TrySetResult() || true));
        await allowed.Task;
        await server.DisposeAsync();
        await serving;

        Assert.Equal(["UNKNOWN", "ALLOW", "UNKNOWN"], call.Verdicts);
    }

    [Fact]
    public void Start_OnAPortInUseOrAnAddressElsewhere_IsRefusedWithARemedy()
    {
        var limits = new AgiLimits(1, TimeSpan.FromMinutes(1), []);
        var used = Assert.Throws<SocketException>(() => AgiServer.Start(_server.EndPoint, new CallGate(_fake.CheckAsync, _tally), limits));
        // An address of a network for documents.
        var elsewhere = new IPEndPoint(IPAddress.Parse("192.0.2.7"), 4573);
        var absent = Assert.Throws<SocketException>(() => AgiServer.Start(elsewhere, new CallGate(_fake.CheckAsync, _tally), limits));

        Assert.Equal(
            $"--listen {_server.EndPoint}: the address is in use: stop the program that listens there, or choose another port.",
            GateRun.ListenFault(_server.EndPoint, used).Message);
        Assert.Equal(
            "--listen 192.0.2.7:4573: 192.0.2.7 is not an address of this machine: use one of its addresses, or 0.0.0.0 for all of them.",
            GateRun.ListenFault(elsewhere, absent).Message);
    }

    [Fact]
    public async Task Client_Silent_IsClosedAfterTheTimeLimit()
    {
        await using var server = Start(_fake.CheckAsync, new AgiLimits(10, TimeSpan.FromMilliseconds(200), []));
        await using var silent = await AgiCall.ConnectAsync(server.EndPoint);
        await silent.ServeAsync();
        await using var half = await AgiCall.ConnectAsync(server.EndPoint);
        await half.SendAsync("agi_request: agi://h/check");
        await half.ServeAsync();

        Assert.Empty(silent.Variables);
        Assert.Empty(half.Variables);
    }

    [Fact]
    public async Task Connections_OverTheLimit_AreClosedAndLaterOnesServed()
    {
        await using var server = Start(_fake.CheckAsync, new AgiLimits(2, TimeSpan.FromMinutes(1), []));
        await using (var first = await AgiCall.ConnectAsync(server.EndPoint))
        await using (var second = await AgiCall.ConnectAsync(server.EndPoint))
        {
            await using var third = await AgiCall.ConnectAsync(server.EndPoint);
            await third.ServeAsync();
            Assert.Empty(third.Variables);
        }

        var verdict = "";
        while (verdict.Length == 0)
        {
            // The server notices closed connections soon, not at once.
            await using var call = await AgiCall.ConnectAsync(server.EndPoint);
            try
            {
                await call.SendAsync(AgiCall.Request("agi://h/check?org=acme&purpose=commercial", MagicNumbers.Allow));
            }
            catch (IOException)
            {
                continue;
            }

            await call.ServeAsync();
            verdict = call.Verdict;
        }

        Assert.Equal("ALLOW", verdict);
    }

    [Fact]
    public async Task Calls_ManyAtOnce_EachGetItsOwnAnswer()
    {
        var numbers = Enumerable.Range(0, 80).Select(i => i % 2 == 0 ? MagicNumbers.Allow : Deny).ToList();

        var verdicts = await Task.WhenAll(numbers.Select(async number =>
        {
            await using var call = await AgiCall.CheckAsync(_server.EndPoint, number);
            return call.Verdict;
        }));

        Assert.Equal(numbers.Select(number => number == Deny ? "DENY" : "ALLOW"), verdicts);
        Assert.StartsWith("calls 80: allow 40, deny 40, not covered 0, unknown 0;", _tally.Format(json: false), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Requests_RandomBytes_NeverSetAllow()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        // Two digits from a number that is allowed, so that no change makes it one.
        var whole = AgiCall.Request("agi://h/check?org=acme&purpose=commercial", MagicNumbers.DenyWithoutConsent);
        for (var i = 0; i < 200; i++)
        {
            var bytes = whole.ToCharArray();
            for (var changes = random.Next(1, 20); changes > 0; changes--)
            {
                bytes[random.Next(bytes.Length)] = (char)random.Next(256);
            }

            await using var call = await AgiCall.ConnectAsync(_server.EndPoint);
            try
            {
                await call.SendAsync(new string(bytes) + "\n\n");
            }
            catch (IOException)
            {
                // Closed already.
            }

            await call.ServeAsync();
            Assert.True(call.Verdict != "ALLOW", $"Seed {seed}, request {i}");
        }

        await AssertServesAsync();
    }

    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("10.0.0.7", true)]
    [InlineData("::ffff:10.0.0.7", true)]
    [InlineData("172.16.0.1", true)]
    [InlineData("172.17.0.1", true)]
    [InlineData("10.0.1.7", false)]
    [InlineData("2001:db8::1", false)]
    public void Peer_NotNamed_IsNotAdmitted(string address, bool admitted)
    {
        Assert.True(GateRun.TryParsePeer("10.0.0.0/24", out var network));
        Assert.True(GateRun.TryParsePeer("::ffff:172.16.0.1", out var mapped));
        Assert.True(GateRun.TryParsePeer("::ffff:172.17.0.0/112", out var mappedNetwork));
        Assert.Equal(admitted, new AgiLimits(1, TimeSpan.Zero, [network, mapped, mappedNetwork]).Admits(IPAddress.Parse(address)));
    }

    [Fact]
    public async Task Stop_WithAnOpenConnection_Ends()
    {
        var server = Start(_fake.CheckAsync, new AgiLimits(10, TimeSpan.FromMinutes(1), []));
        await using var open = await AgiCall.ConnectAsync(server.EndPoint);
        await server.DisposeAsync();
        await open.ServeAsync();

        Assert.Empty(open.Variables);
    }

    private AgiServer Start(CheckCall check, AgiLimits limits) =>
        AgiServer.Start(new IPEndPoint(IPAddress.Loopback, 0), new CallGate(check, _tally), limits);

    private async Task<AgiCall> SentAsync(string request)
    {
        var call = await AgiCall.ConnectAsync(_server.EndPoint);
        await call.SendAsync(request);
        await call.ServeAsync();
        return call;
    }

    private async Task AssertServesAsync()
    {
        await using var call = await AgiCall.CheckAsync(_server.EndPoint, MagicNumbers.Allow);
        Assert.Equal("ALLOW", call.Verdict);
    }

    [GeneratedRegex("[\"$\\\\{}\\[\\]]")]
    private static partial Regex Expression();
}
