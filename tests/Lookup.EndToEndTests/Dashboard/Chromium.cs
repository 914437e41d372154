using PuppeteerSharp;

namespace Lookup.EndToEndTests.Dashboard;

/// <summary>Debian's browser without a screen.</summary>
internal static class Chromium
{
    private const int StartLimitMs = 180_000;

    /// <summary>Whether the tests are to write the pictures in docs/images.</summary>
    internal static bool TakesPictures => Environment.GetEnvironmentVariable("LOOKUP_SCREENSHOTS") == "1";

    /// <summary>Starts one. Skips the test where it is not installed.</summary>
    internal static async Task<IBrowser> StartAsync()
    {
        Programs.Require("chromium");
        return await Puppeteer.LaunchAsync(new LaunchOptions
        {
            ExecutablePath = Programs.Find("chromium"),
            Headless = true,
            Timeout = StartLimitMs,
            ProtocolTimeout = StartLimitMs,
            Args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"],
        });
    }

    /// <summary>Writes a picture of the page as it is.</summary>
    internal static async Task TakePictureAsync(IPage page, string name)
    {
        var folder = Path.Combine(Programs.Root(), "docs/images");
        Directory.CreateDirectory(folder);
        await page.ScreenshotAsync(Path.Combine(folder, name));
    }
}
