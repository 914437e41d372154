using System.Text;
using System.Text.RegularExpressions;
using Lookup.Cli.Webhooks;

namespace Lookup.EndToEndTests.Docs;

/// <summary>The function of the page that verifies a webhook.</summary>
public sealed partial class WebhookSnippetTests
{
    [Fact]
    public async Task Verify_OfThePage_AcceptsWhatTheToolSignsAndNothingElse()
    {
        Programs.Require("python3");
        var code = Python().Match(await File.ReadAllTextAsync(Path.Combine(Programs.Root(), "docs/guide/watch.md"), TestContext.Current.CancellationToken)).Groups["code"].Value;
        const string Body = """{"type": "objection.recorded"}""";
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var signer = WebhookSigner.Parse($"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw {WebhookReceiver.Secret}", "");
        var (fresh, old) = (signer.Sign("a-1", now, Encoding.UTF8.GetBytes(Body)), signer.Sign("a-1", now - 3_600, Encoding.UTF8.GetBytes(Body)));
        var script = code + $$"""

            def check(expected, id="a-1", time={{now}}, signature="{{fresh}}", body=b'{{Body}}', secret="{{WebhookReceiver.Secret}}"):
                headers = {"webhook-id": id, "webhook-timestamp": str(time), "webhook-signature": signature}
                assert verify(secret, headers, body) == expected, (headers, body, secret)

            check(True)
            check(False, id="a-2")
            check(False, time={{now - 1}})
            check(False, time={{now - 3_600}}, signature="{{old}}")
            check(False, body=b'{}')
            check(False, signature="v1,")
            check(False, secret="whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
            """;
        var (exit, _, error) = await Programs.RunAsync("python3", "-c", script);
        Assert.True(exit == 0, error);
    }

    [GeneratedRegex("```python\n(?<code>.*?)```", RegexOptions.Singleline)]
    private static partial Regex Python();
}
