using System.Net;
using System.Text;
using Lookup.Cli.Gates;
using Lookup.Cli.Sip;
using Lookup.Client;
using Lookup.Client.Testing;
using Lookup.V1;

namespace Lookup.ServiceTests.Gates;

/// <summary>The SIP redirect server, asked over UDP and TCP.</summary>
public sealed class SipGateTests : IAsyncLifetime
{
    private const string Trunks = """
        {"trunks": [
          {"name": "emergency", "from": ["127.0.0.0/8"], "host": "charity.example", "question": {"org": "bolt", "purpose": "charity", "region": "NL"},
           "redirect": "sip:{digits}@10.9.9.9"},
          {"name": "campaign", "from": ["127.0.0.1"], "header": {"name": "X-Campaign", "value": "spring"}, "question": {"org": "spring", "purpose": "commercial"},
           "redirect": "sip:{number}@spring.example"},
          {"name": "all", "from": ["127.0.0.1", "10.0.0.0/24"], "question": {"org": "acme", "purpose": "commercial", "mode": "predictive", "region": "NL"},
           "redirect": "sip:{number}@carrier.example:5060;user=phone", "unchecked": ["112"], "maxPending": 50}
        ]}
        """;

    private const string Permitted = "Contact: <sip:+447700900001@carrier.example:5060;user=phone>\r\n";

    // Longer than the slowest machine takes.
    private static readonly FakeAnswer Allow = FakeAnswer.Allow() with { ReusableFor = TimeSpan.FromMinutes(5) };

    private readonly FakeLookup _fake = new FakeLookup().On(MagicNumbers.Allow, Allow);
    private readonly GateTally _tally = new();
    private SipGate _gate = null!;
    private SipServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _gate = new SipGate(TrunkFile.Read(Trunks), new CallGate(_fake.CheckAsync, _tally));
        _server = await SipServer.StartAsync(new IPEndPoint(IPAddress.Loopback, 0), _gate, TimeSpan.FromSeconds(1));
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _gate.DisposeAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Invite_Allowed_IsRedirectedToTheTrunk(bool isTcp)
    {
        using var client = await SipClient.ConnectAsync(_server.EndPoint, isTcp);
        var invite = client.Request($"sip:{MagicNumbers.Allow}@gate.example;user=phone");
        await client.SendAsync(invite);
        var response = await client.FinalAsync();

        Assert.StartsWith("SIP/2.0 302 Moved Temporarily\r\n", response, StringComparison.Ordinal);
        Assert.Contains(Permitted, response, StringComparison.Ordinal);
        Assert.Contains("X-Lookup-Verdict: ALLOW\r\nX-Lookup-Reason: NOTHING_FORBIDS\r\n", response, StringComparison.Ordinal);
        foreach (var name in (string[])["Call-ID", "From", "CSeq"])
        {
            Assert.Contains(invite.Split("\r\n").Single(line => line.StartsWith(name + ":", StringComparison.Ordinal)) + "\r\n", response, StringComparison.Ordinal);
        }

        Assert.Matches(@"\r\nVia: SIP/2.0/(UDP|TCP) [\d.]+:\d+;branch=z9hG4bK[^;\r]+;received=127.0.0.1;rport=\d+\r\n", response);
        Assert.Matches(@"\r\nTo: <[^>]+>;tag=lk[0-9a-f]{8}\r\n", response);
        var question = Assert.Single(_fake.Asked).Question;
        Assert.Equal(("acme", Purpose.Commercial, DiallingMode.Predictive), (question.Organisation, question.Purpose, question.DiallingMode));
    }

    [Theory]
    [InlineData(MagicNumbers.DenyByObjection, 603, "Reason: SIP;cause=603;text=\"DENY OBJECTION")]
    [InlineData(MagicNumbers.NotCovered, 603, "Reason: SIP;cause=603;text=\"NOT_COVERED NO_REGIME")]
    [InlineData("+31612345678", 603, "X-Lookup-Verdict: NOT_COVERED")]
    [InlineData(MagicNumbers.Unknown, 480, "Retry-After: 1\r\nX-Lookup-Verdict: UNKNOWN\r\nX-Lookup-Reason: STORE_UNAVAILABLE")]
    [InlineData(MagicNumbers.Hypothetical, 480, "X-Lookup-Reason: EXPIRED")]
    [InlineData(MagicNumbers.Expired, 480, "X-Lookup-Reason: EXPIRED")]
    [InlineData(MagicNumbers.UnheardOf, 480, "X-Lookup-Verdict: UNKNOWN")]
    [InlineData(MagicNumbers.Unavailable, 503, "X-Lookup-Reason: UNAVAILABLE")]
    [InlineData(MagicNumbers.TimesOut, 503, "X-Lookup-Reason: TIMEDOUT")]
    [InlineData(MagicNumbers.Overloaded, 503, "Retry-After: 2\r\n")]
    [InlineData(MagicNumbers.Broken, 503, "X-Lookup-Reason: BROKEN")]
    [InlineData(MagicNumbers.Refused, 603, "Warning: 399 lookup \"")]
    public async Task Invite_NotAllowed_IsDeclinedWithItsCode(string number, int code, string header)
    {
        using var client = await SipClient.ConnectAsync(_server.EndPoint);
        var response = await client.InviteAsync($"sip:{number}@gate.example");

        Assert.Equal(code, SipClient.Code(response));
        Assert.Contains(header, response, StringComparison.Ordinal);
        Assert.DoesNotContain("Contact:", response, StringComparison.Ordinal);
    }

    // The trunk gets the number that was decided, whatever form the dialer writes.
    [Theory]
    [InlineData("sip:+31612345678@gate.example;user=phone")]
    [InlineData("sip:0612345678@gate.example;user=phone")]
    [InlineData("sip:0031612345678@gate.example")]
    [InlineData("sip:31612345678@gate.example")]
    [InlineData("sip:%2B31612345678@gate.example")]
    [InlineData("sip:+31-6-1234-5678@gate.example")]
    [InlineData("sip:+31612345678;npdi;rn=+3197@gate.example")]
    [InlineData("sips:+31612345678@gate.example")]
    [InlineData("tel:+31612345678")]
    [InlineData("tel:+31-6-1234-5678")]
    [InlineData("tel:0612345678;phone-context=+31")]
    public async Task Invite_FormsOfANumber_AreTheSameNumber(string uri)
    {
        _fake.On("+31612345678", Allow);
        using var client = await SipClient.ConnectAsync(_server.EndPoint);
        var response = await client.InviteAsync(uri);

        Assert.Contains("Contact: <sip:+31612345678@carrier.example:5060;user=phone>\r\n", response, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sip:alice@gate.example", 484)]
    [InlineData("sip:+447700900001;ext=5@gate.example", 484)]
    [InlineData("sip:+447700900001:secret@gate.example", 484)]
    [InlineData("sip:+447700900001%00@gate.example", 484)]
    [InlineData("sip:gate.example", 484)]
    [InlineData("sip:+447700900001@a@b", 484)]
    [InlineData("sip:110@gate.example", 484)]
    [InlineData("tel:112;phone-context=+31", 302)]
    [InlineData("sip:112@gate.example", 302)]
    [InlineData("sip:1122@gate.example", 484)]
    [InlineData("urn:service:sos", 416)]
    [InlineData("http://gate.example/+447700900001", 416)]
    public async Task Invite_NoSubscribersNumber_IsNotAsked(string uri, int code)
    {
        using var client = await SipClient.ConnectAsync(_server.EndPoint);
        var response = await client.InviteAsync(uri);

        Assert.Equal(code, SipClient.Code(response));
        Assert.Equal(code == 302, response.Contains("Contact: <sip:112@carrier.example:5060;user=phone>\r\n", StringComparison.Ordinal));
        Assert.Empty(_fake.Asked);
    }

    [Fact]
    public async Task Invite_OfAnotherTrunk_IsAskedAsThatTrunk()
    {
        using var client = await SipClient.ConnectAsync(_server.EndPoint);
        var host = await client.InviteAsync($"sip:{MagicNumbers.Allow}@Charity.example.:5060");
        var header = await client.InviteAsync($"sip:{MagicNumbers.Allow}@gate.example", "X-Campaign: spring\r\n");
        await client.InviteAsync($"sip:{MagicNumbers.Allow}@gate.example", "X-Campaign: summer\r\n");

        Assert.Contains("Contact: <sip:447700900001@10.9.9.9>\r\n", host, StringComparison.Ordinal);
        Assert.Contains("Contact: <sip:+447700900001@spring.example>\r\n", header, StringComparison.Ordinal);
        Assert.Equal(["bolt", "spring", "acme"], _fake.Asked.Select(asked => asked.Question.Organisation));
    }

    // Else it would be decided as a call of the last trunk, for another organisation.
    [Theory]
    [InlineData("[charity.example]")]
    [InlineData("charity.example%2e")]
    [InlineData("charity..example")]
    [InlineData("gate.example;maddr=charity.example")]
    [InlineData("gate.example;MADDR=charity.example")]
    [InlineData("gate.example", "X-Campaign: autumn\r\nX-Campaign: spring\r\n")]
    [InlineData("gate.example", "X-Campaign: summer\r\nX-Campaign: autumn\r\n")]
    public async Task Invite_WhoseTrunkIsUnclear_IsDeclined(string host, string headers = "")
    {
        using var client = await SipClient.ConnectAsync(_server.EndPoint);
        var response = await client.InviteAsync($"sip:{MagicNumbers.Allow}@{host}", headers);

        Assert.Equal(603, SipClient.Code(response));
        Assert.Contains("X-Lookup-Reason: INVALID_REQUEST\r\n", response, StringComparison.Ordinal);
        Assert.Empty(_fake.Asked);
    }

    [Fact]
    public async Task Invite_SameTransactionAnotherTrunk_IsNotPermitted()
    {
        using var client = await SipClient.ConnectAsync(_server.EndPoint);
        var plain = client.Request($"sip:{MagicNumbers.Allow}@gate.example", id: "same");
        await client.SendAsync(plain.Replace("\r\nCSeq:", "\r\nX-Campaign: spring\r\nCSeq:", StringComparison.Ordinal));
        Assert.Equal(302, SipClient.Code(await client.FinalAsync()));
        await client.SendAsync(client.Request($"sip:{MagicNumbers.Allow}@gate.example", "ACK", id: "same"));
        await client.SendAsync(plain);

        Assert.Equal(482, SipClient.Code(await client.FinalAsync()));
        Assert.Equal("spring", Assert.Single(_fake.Asked).Question.Organisation);
    }

    [Fact]
    public async Task Invite_Repeated_IsAskedOnceAndAnsweredTheSame()
    {
        using var client = await SipClient.ConnectAsync(_server.EndPoint);
        var invite = client.Request($"sip:{MagicNumbers.DenyByObjection}@gate.example");
        await client.SendAsync(invite);
        var first = await client.FinalAsync();
        await client.SendAsync(invite);
        await client.SendAsync(invite);

        Assert.Equal(first, await client.FinalAsync());
        Assert.Equal(first, await client.FinalAsync());
        Assert.Single(_fake.Asked);
    }

    // The same identifiers with another number must not get the answer about the first one.
    [Fact]
    public async Task Invite_SameTransactionAnotherNumber_IsNotPermitted()
    {
        using var client = await SipClient.ConnectAsync(_server.EndPoint);
        await client.SendAsync(client.Request($"sip:{MagicNumbers.Allow}@gate.example", id: "same"));
        Assert.Equal(302, SipClient.Code(await client.FinalAsync()));
        await client.SendAsync(client.Request($"sip:{MagicNumbers.Allow}@gate.example", "ACK", id: "same"));
        await client.SendAsync(client.Request($"sip:{MagicNumbers.DenyByObjection}@gate.example", id: "same"));

        Assert.Equal(482, SipClient.Code(await client.FinalAsync()));
    }

    // Without ACK over UDP the response is repeated; a redirect only while its ALLOW is valid.
    [Fact]
    public async Task Response_NotAcknowledged_IsRepeatedUntilTheAllowExpires()
    {
        _fake.On("+31612345678", FakeAnswer.Allow() with { ReusableFor = TimeSpan.FromSeconds(3) });
        using var client = await SipClient.ConnectAsync(_server.EndPoint);
        var invite = client.Request("sip:+31612345678@gate.example");
        await client.SendAsync(invite);
        var codes = new List<int>();
        while (codes.Count == 0 || codes[^1] == 302)
        {
            codes.Add(SipClient.Code(await client.FinalAsync()));
        }

        Assert.True(codes.Count(code => code == 302) > 1, string.Join(' ', codes));
        Assert.Equal(480, codes[^1]);
        await client.SendAsync(invite);
        Assert.Equal(480, SipClient.Code(await client.FinalAsync()));
        Assert.Single(_fake.Asked);
    }

    [Fact]
    public async Task Invite_SlowAnswer_GetsTryingFirstAndOnceRepeated()
    {
        var answer = new TaskCompletionSource<CheckResult>();
        await using var gate = new SipGate(TrunkFile.Read(Trunks), new CallGate((_, _, _, _) => answer.Task, _tally));
        await using var udp = SipUdp.Start(new IPEndPoint(IPAddress.Loopback, 0), gate);
        using var client = await SipClient.ConnectAsync(udp.EndPoint);
        var invite = client.Request($"sip:{MagicNumbers.Allow}@gate.example");
        await client.SendAsync(invite);
        var trying = await client.ReceiveAsync();
        await client.SendAsync(invite);

        Assert.Equal((100, 100), (SipClient.Code(trying), SipClient.Code(await client.ReceiveAsync())));
        Assert.DoesNotContain(";tag=lk", trying, StringComparison.Ordinal);
        answer.SetResult(default);
        Assert.Equal(503, SipClient.Code(await client.FinalAsync()));
    }

    [Fact]
    public async Task Cancel_WhileWaiting_EndsTheCallAndALateAllowPermitsNothing()
    {
        var answer = new TaskCompletionSource<CheckResult>();
        await using var gate = new SipGate(TrunkFile.Read(Trunks), new CallGate((_, _, _, _) => answer.Task, _tally));
        await using var udp = SipUdp.Start(new IPEndPoint(IPAddress.Loopback, 0), gate);
        using var client = await SipClient.ConnectAsync(udp.EndPoint);
        var uri = $"sip:{MagicNumbers.Allow}@gate.example";
        var invite = client.Request(uri, id: "c");
        await client.SendAsync(invite);
        Assert.Equal(100, SipClient.Code(await client.ReceiveAsync()));
        await client.SendAsync(client.Request(uri, "CANCEL", id: "c"));

        var ok = await client.FinalAsync();
        Assert.Equal((200, true), (SipClient.Code(ok), ok.Contains("CSeq: 1 CANCEL\r\n", StringComparison.Ordinal)));
        Assert.Equal(487, SipClient.Code(await client.FinalAsync()));
        answer.SetResult(await _fake.CheckAsync(MagicNumbers.Allow, new Question(), null, TestContext.Current.CancellationToken));
        await client.SendAsync(invite);
        Assert.Equal(487, SipClient.Code(await client.FinalAsync()));
    }

    [Theory]
    [InlineData("OPTIONS", "sip:gate.example", 200)]
    [InlineData("CANCEL", "sip:+447700900001@gate.example", 481)]
    [InlineData("BYE", "sip:+447700900001@gate.example", 405)]
    [InlineData("REGISTER", "sip:gate.example", 405)]
    [InlineData("REFER", "sip:+447700900001@gate.example", 405)]
    public async Task Method_OtherThanInvite_IsAnswered(string method, string uri, int code)
    {
        using var client = await SipClient.ConnectAsync(_server.EndPoint);
        await client.SendAsync(client.Request(uri, method));
        var response = await client.FinalAsync();

        Assert.Equal(code, SipClient.Code(response));
        Assert.Equal(code is 200 or 405, response.Contains("Allow: INVITE, ACK, CANCEL, OPTIONS\r\n", StringComparison.Ordinal));
        Assert.Empty(_fake.Asked);
    }

    [Fact]
    public async Task Ack_WithoutTransaction_GetsNoResponse()
    {
        using var client = await SipClient.ConnectAsync(_server.EndPoint);
        await client.SendAsync(client.Request($"sip:{MagicNumbers.Allow}@gate.example", "ACK"));
        await AssertServesAsync(client);

        Assert.DoesNotContain(client.Received, response => response.Contains("ACK", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Require: 100rel\r\n", 420)]
    [InlineData("Subject: x\r\n y\r\n", 302)]
    public async Task Invite_FurtherHeaders_AreReadAsTheRfcSays(string header, int code)
    {
        using var client = await SipClient.ConnectAsync(_server.EndPoint);
        Assert.Equal(code, SipClient.Code(await client.InviteAsync($"sip:{MagicNumbers.Allow}@gate.example", header)));
    }

    [Fact]
    public async Task Invite_WithinACall_IsRefused()
    {
        using var client = await SipClient.ConnectAsync(_server.EndPoint);
        await client.SendAsync(client.Request($"sip:{MagicNumbers.Allow}@gate.example").Replace("@gate.example>", "@gate.example>;tag=1", StringComparison.Ordinal));
        Assert.Equal(481, SipClient.Code(await client.FinalAsync()));
        Assert.Empty(_fake.Asked);
    }

    public static TheoryData<string, string> Faults => new()
    {
        { "SIP/2.0", "SIP/3.0" },
        { "INVITE sip", "INVITE  sip" },
        { "Via:", "Xia:" },
        { "From:", "Xrom:" },
        { "To:", "Xo:" },
        { "Call-ID:", "Xall-ID:" },
        { "CSeq: 1 INVITE", "CSeq: 1 ACK" },
        { "CSeq: 1 INVITE", "CSeq: one INVITE" },
        { "CSeq: 1 INVITE", "CSeq: 99999999999 INVITE" },
        { "Content-Length: 0", "Content-Length: 10" },
        { "Content-Length: 0", "Content-Length: -1" },
        { "Content-Length: 0", "Content-Length: 0\r\nl: 5" },
        { "To:", "To: <sip:x@y>\r\nTo:" },
        { "From:", "f: <sip:x@y>\r\nFrom:" },
        { "Call-ID: ", "Call-ID: \nVia: SIP/2.0/UDP 10.1.1.1\n" },
        { "Call-ID: ", "Call-ID: \0" },
        { "Via:", " x\r\nVia:" },
        { "Max-Forwards: 70", "no colon" },
        { "SIP/2.0/", "HTTP/1.1/" },
        { "\r\n\r\n", "\r\n" },
        { "\r\n", "\n" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Message_Malformed_GetsNoPermission(string text, string replacement)
    {
        using var client = await SipClient.ConnectAsync(_server.EndPoint);
        var invite = client.Request($"sip:{MagicNumbers.Allow}@gate.example");
        var changed = text == "\r\n\r\n" ? invite[..^4] + replacement
            : text == "\r\n" ? invite.Replace(text, replacement, StringComparison.Ordinal)
            : Replaced(invite, text, replacement);
        await client.SendAsync(changed);
        await AssertServesAsync(client);

        Assert.Single(_fake.Asked);
    }

    [Fact]
    public async Task Message_TooLong_IsDropped()
    {
        using var client = await SipClient.ConnectAsync(_server.EndPoint);
        await client.SendAsync(client.Request($"sip:{MagicNumbers.Allow}@gate.example", extra: $"Subject: {new string('x', SipUdp.MaxMessage)}\r\n"));
        await client.SendAsync(client.Request($"sip:{MagicNumbers.Allow}@gate.example", extra: string.Concat(Enumerable.Repeat("A: b\r\n", SipRequest.MaxHeaders))));
        await client.SendAsync("\r\n\r\n");
        await client.SendAsync("SIP/2.0 200 OK\r\n\r\n");
        await AssertServesAsync(client);

        Assert.Single(_fake.Asked);
    }

    [Fact]
    public async Task Messages_RandomChanges_NeverPermitACall()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        using var client = await SipClient.ConnectAsync(_server.EndPoint);
        for (var i = 0; i < 2000; i++)
        {
            // Two digits from a number that is allowed, so that no change makes it one.
            var bytes = Encoding.Latin1.GetBytes(client.Request($"sip:{MagicNumbers.DenyWithoutConsent}@gate.example"));
            for (var changes = random.Next(1, 6); changes > 0; changes--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            await client.SendAsync(random.Next(8) == 0 ? bytes[..random.Next(bytes.Length)] : bytes);
            while (client.HasMore)
            {
                var response = await client.ReceiveAsync();
                Assert.False(response.StartsWith("SIP/2.0 302", StringComparison.Ordinal), $"Seed {seed}, message {i}: {response}");
            }
        }

        using var other = await SipClient.ConnectAsync(_server.EndPoint);
        await AssertServesAsync(other);
    }

    [Fact]
    public async Task Tcp_MessagesInPiecesAndTogether_AreSeparated()
    {
        using var client = await SipClient.ConnectAsync(_server.EndPoint, isTcp: true);
        var body = "v=0\r\n\r\nINVITE is text here\r\n\r\n";
        var first = client.Request($"sip:{MagicNumbers.Allow}@gate.example").Replace("Content-Length: 0", $"Content-Length: {body.Length}", StringComparison.Ordinal) + body;
        var second = client.Request($"sip:{MagicNumbers.DenyByObjection}@gate.example");
        foreach (var piece in ("\r\n\r\n" + first + second).Chunk(100))
        {
            await client.SendAsync(new string(piece));
        }

        int[] codes = [SipClient.Code(await client.FinalAsync()), SipClient.Code(await client.FinalAsync())];
        Assert.Equal([302, 603], codes.Order());
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData("INVITE sip:+447700900001@x SIP/2.0\r\nContent-Length: 99999\r\n\r\n")]
    [InlineData("INVITE sip:+447700900001@x SI")]
    [InlineData(null)]
    public async Task Tcp_MalformedOrSlow_ClosesTheConnection(string? message)
    {
        using var client = await SipClient.ConnectAsync(_server.EndPoint, isTcp: true);
        await client.SendAsync(message ?? new string('x', SipUdp.MaxMessage));
        var closed = await Record.ExceptionAsync(client.ReceiveAsync);

        Assert.True(closed is EndOfStreamException or System.Net.Sockets.SocketException, closed?.ToString());
        Assert.Empty(_fake.Asked);
    }

    [Fact]
    public async Task Peer_NotInTheMap_GetsNoResponse()
    {
        await using var gate = new SipGate(TrunkFile.Read(Trunks.Replace("127.0.0.1", "10.1.1.1", StringComparison.Ordinal).Replace("127.0.0.0/8", "10.1.1.2", StringComparison.Ordinal)), new CallGate(_fake.CheckAsync, _tally));
        await using var udp = SipUdp.Start(new IPEndPoint(IPAddress.Loopback, 0), gate);
        using var client = await SipClient.ConnectAsync(udp.EndPoint);
        await client.SendAsync(client.Request($"sip:{MagicNumbers.Allow}@gate.example"));
        await client.SendAsync(client.Request("sip:gate.example", "OPTIONS"));
        while (!_tally.Format(json: true).Contains("\"refused\":2", StringComparison.Ordinal))
        {
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }

        Assert.False(client.HasMore);
        Assert.Empty(_fake.Asked);
    }

    [Fact]
    public async Task Calls_OverTheLimitOfTheTrunk_AreDeclined()
    {
        var answer = new TaskCompletionSource<CheckResult>();
        await using var gate = new SipGate(TrunkFile.Read(Trunks.Replace("\"maxPending\": 50", "\"maxPending\": 2", StringComparison.Ordinal)), new CallGate((_, _, _, _) => answer.Task, _tally));
        await using var udp = SipUdp.Start(new IPEndPoint(IPAddress.Loopback, 0), gate);
        using var client = await SipClient.ConnectAsync(udp.EndPoint);
        for (var i = 0; i < 3; i++)
        {
            await client.SendAsync(client.Request($"sip:{MagicNumbers.Allow}@gate.example"));
        }

        var declined = await client.FinalAsync();
        Assert.Equal(480, SipClient.Code(declined));
        Assert.Contains("X-Lookup-Reason: TOO_MANY_CALLS", declined, StringComparison.Ordinal);
        answer.SetResult(default);
        Assert.Equal(503, SipClient.Code(await client.FinalAsync()));
    }

    [Fact]
    public async Task Calls_ManyAtOnce_EachGetItsOwnAnswer()
    {
        var codes = await Task.WhenAll(Enumerable.Range(0, 40).Select(async i =>
        {
            using var client = await SipClient.ConnectAsync(_server.EndPoint, isTcp: i % 4 == 0);
            var response = await client.InviteAsync($"sip:{(i % 2 == 0 ? MagicNumbers.Allow : MagicNumbers.DenyByObjection)}@gate.example");
            return (i % 2 == 0 ? 302 : 603, SipClient.Code(response));
        }));

        Assert.All(codes, pair => Assert.Equal(pair.Item1, pair.Item2));
        Assert.StartsWith("calls 40: allow 20, deny 20, not covered 0, unknown 0;", _tally.Format(json: false), StringComparison.Ordinal);
    }

    private async Task AssertServesAsync(SipClient client) =>
        Assert.Contains(Permitted, await client.InviteAsync($"sip:{MagicNumbers.Allow}@gate.example"), StringComparison.Ordinal);

    private static string Replaced(string text, string part, string replacement)
    {
        var at = text.IndexOf(part, StringComparison.Ordinal);
        return text[..at] + replacement + text[(at + part.Length)..];
    }
}
