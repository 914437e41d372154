using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Lookup.Cli.Commands;
using Lookup.Cli.Output;
using Lookup.Load.Numbers;
using Lookup.Load.Processes;
using Lookup.V1;

namespace Lookup.Load.Fuzz;

/// <summary>What a service and the tool take from outside: never a crash, and never an ALLOW that the request, read as the contract says, would not get.</summary>
internal sealed class ServiceTargets : IDisposable
{
    private readonly HttpClient _plain = new(new SocketsHttpHandler());
    private readonly HttpClient _json;
    private readonly GrpcChannel _channel;
    private readonly LookupService.LookupServiceClient _lookup;
    private readonly JsonParser _parser = new(JsonParser.Settings.Default.WithIgnoreUnknownFields(false));
    private readonly string _folder;

    internal ServiceTargets(TestBed bed)
    {
        _plain.BaseAddress = bed.Address;
        _json = new HttpClient { BaseAddress = bed.JsonAddress };
        _channel = bed.Channel();
        _lookup = new LookupService.LookupServiceClient(_channel);
        _folder = bed.Folder;
    }

    internal IEnumerable<FuzzTarget> All()
    {
        CheckRequest[] checks =
        [
            Check(NumberBlock.Dutch.Text(1)),
            Check(NumberBlock.Dutch.Text(900_000)),
            new() { Number = "0612345678", DefaultRegion = "NL", Question = Check("").Question, AllReasons = true, Consistency = new Consistency { Exact = true } },
            new() { Number = NumberBlock.Dutch.Text(2), Question = new Question { Organisation = TestBed.Organisation, Kind = CallKind.Service, Purpose = Purpose.Service, ProductGroup = "energy" }, WhatIf = new WhatIf { Strict = true } },
        ];
        yield return new FuzzTarget("frame", [.. checks.Select(Frame)], FrameAsync);
        yield return new FuzzTarget("json", [.. checks.Select(c => Encoding.UTF8.GetBytes(JsonFormatter.Default.Format(c)))], JsonAsync);
        yield return new FuzzTarget("csv", [Encoding.UTF8.GetBytes("number,kind,organisation,purposes,since,evidence\n+31612345678,consent,acme,commercial,2026-01-01T00:00:00Z,rec-1\n0612345678,objection,acme,,,\n"), Encoding.UTF8.GetBytes("number;kind\n\"+31612345678\";objection\n")], bytes => ImportAsync(bytes, "csv"));
        yield return new FuzzTarget("ndjson", [Encoding.UTF8.GetBytes("{\"number\":\"+31612345678\",\"kind\":\"objection\",\"organisation\":\"acme\"}\n{\"number\":\"+31612345679\",\"kind\":\"consent\",\"organisation\":\"acme\",\"purposes\":[\"commercial\"]}\n")], bytes => ImportAsync(bytes, "ndjson"));
    }

    /// <summary>What the service counts of exceptions that no code expects.</summary>
    internal async Task<string> UnhandledErrorsAsync(CancellationToken ct)
    {
        const string Name = "lookup_unhandled_errors_total ";
        var metrics = await _json.GetStringAsync("metrics", ct);
        return metrics.Split('\n').Single(line => line.StartsWith(Name, StringComparison.Ordinal))[Name.Length..];
    }

    public void Dispose()
    {
        _plain.Dispose();
        _json.Dispose();
        _channel.Dispose();
    }

    private static CheckRequest Check(string number) => new() { Number = number, Question = new Question { Organisation = TestBed.Organisation, Purpose = Purpose.Commercial } };

    private static byte[] Frame(CheckRequest request)
    {
        var message = request.ToByteArray();
        var frame = new byte[5 + message.Length];
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), message.Length);
        message.CopyTo(frame, 5);
        return frame;
    }

    private async Task FrameAsync(byte[] bytes)
    {
        // Most changes break the length, which is soon told; half of them get one that fits.
        if (bytes.Length >= 5 && bytes[^1] % 2 == 0)
        {
            System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(1), bytes.Length - 5);
        }

        using var request = new HttpRequestMessage(HttpMethod.Post, "/lookup.v1.LookupService/Check")
        {
            Content = new ByteArrayContent(bytes),
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        request.Headers.Add("te", "trailers");
        using var response = await _plain.SendAsync(request);
        var body = await response.Content.ReadAsByteArrayAsync();
        var status = response.TrailingHeaders.Concat(response.Headers).Where(h => h.Key == "grpc-status").SelectMany(h => h.Value).FirstOrDefault() ?? "none";
        if (status != "0")
        {
            var message = response.TrailingHeaders.Concat(response.Headers).Where(h => h.Key == "grpc-message").SelectMany(h => h.Value).FirstOrDefault() ?? "";
            CodecTargets.Must(
                status is "3" or "8" or "12" or "13" || (status == "1" && bytes.Length < 5),
                $"Status {status}: {message}");
            CodecTargets.Must(!message.Contains("Internal%20error", StringComparison.Ordinal) && !message.Contains("Internal error", StringComparison.Ordinal), message);
            return;
        }

        var answer = CheckResponse.Parser.ParseFrom(body.AsSpan(5));
        // As the service reads it: a field that it does not know may be broken.
        var read = CheckRequest.Parser.WithDiscardUnknownFields(true).ParseFrom(bytes.AsSpan(5, System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(1))));
        await CompareAsync(read, answer);
    }

    private async Task JsonAsync(byte[] bytes)
    {
        using var content = new ByteArrayContent(bytes);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var response = await _json.PostAsync("v1/check", content);
        var body = await response.Content.ReadAsStringAsync();
        CodecTargets.Must((int)response.StatusCode is 200 or 400 or 413 or 429, $"HTTP {(int)response.StatusCode}: {body}");
        if (response.StatusCode == HttpStatusCode.OK)
        {
            await CompareAsync(_parser.Parse<CheckRequest>(Encoding.UTF8.GetString(bytes)), JsonParser.Default.Parse<CheckResponse>(body));
        }
    }

    // The same request in the contract's own bytes, through the library instead of the shortcut.
    private async Task CompareAsync(CheckRequest read, CheckResponse answer)
    {
        var again = await _lookup.CheckAsync(read, new Metadata { { "grpc-encoding", "identity" } });
        CodecTargets.Must(
            again.Decision.Verdict == answer.Decision.Verdict && again.Number == answer.Number,
            $"{answer.Number} was answered {answer.Decision.Verdict}, and {again.Number} {again.Decision.Verdict} for the same request.");
    }

    private async Task ImportAsync(byte[] bytes, string format)
    {
        var file = Path.Combine(_folder, "fuzz." + format);
        await File.WriteAllBytesAsync(file, bytes);
        var (output, error) = (new StringWriter(), new StringWriter());
        var exit = await CliApp.RunAsync(
            ["import", file, "--format", format, "--dry-run", "--restart", "--set", "source=fuzz"], new Shell(output, error, Stream.Null, TimeProvider.System), CancellationToken.None);
        CodecTargets.Must(exit is >= 0 and <= 3 && !error.ToString().Contains("Unexpected error", StringComparison.Ordinal), $"exit code {exit}: {error}");
    }
}
