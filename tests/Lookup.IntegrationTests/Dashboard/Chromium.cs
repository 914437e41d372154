using Lookup.IntegrationTests.Clients;
using PuppeteerSharp;

namespace Lookup.IntegrationTests.Dashboard;

/// <summary>Debian's browser without a screen.</summary>
internal static class Chromium
{
    /// <summary>Whether the tests are to write the pictures in docs/images.</summary>
    internal static bool TakesPictures => Environment.GetEnvironmentVariable("LOOKUP_SCREENSHOTS") == "1";

    /// <summary>Starts one; null where it is not installed.</summary>
    internal static async Task<IBrowser?> StartAsync() =>
        Programs.Find("chromium") is not { } program ? null : await Puppeteer.LaunchAsync(new LaunchOptions
        {
            ExecutablePath = program,
            Headless = true,
            Args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"],
        });

    /// <summary>Writes a picture of the page as it is.</summary>
    internal static async Task TakePictureAsync(IPage page, string name)
    {
        var folder = Path.Combine(Programs.Root(), "docs/images");
        Directory.CreateDirectory(folder);
        await page.ScreenshotAsync(Path.Combine(folder, name));
    }
}
