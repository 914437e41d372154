using System.Collections;
using Lookup.Cli;
using Lookup.Cli.Commands;
using Lookup.Server;

namespace Lookup.ServiceTests.Cli;

public sealed class EnvironmentSettingTests
{
    [Fact]
    public void Variable_OfASettingInAnyCase_SetsIt()
    {
        var options = new LookupServerOptions();

        ServeCommand.ApplyEnvironment(
            options, new Hashtable { ["LOOKUP__FRESHNESSBOUNDMS"] = "300", ["lookup__MaxCheckStreams"] = "8", ["LOOKUP_ADDRESS"] = "other", ["PATH"] = "/bin" });

        Assert.Equal((300, 8), (options.FreshnessBoundMs, options.MaxCheckStreams));
    }

    [Theory]
    [InlineData("LOOKUP__FRESHNESBOUNDMS", "300", "did you mean FreshnessBoundMs?")]
    [InlineData("LOOKUP__NOTHING", "300", "'lookup serve --help' lists them.")]
    [InlineData("LOOKUP__FRESHNESSBOUNDMS", "soon", "'soon' is not a whole number")]
    [InlineData("LOOKUP__FRESHNESSBOUNDMS", "", "'' is not a whole number")]
    [InlineData("LOOKUP__FRESHNESSBOUNDMS", "-1", "'-1' is not a whole number")]
    public void Variable_Wrong_IsNamedAndNothingStarts(string variable, string value, string expected)
    {
        var fault = Assert.Throws<CliException>(() => ServeCommand.ApplyEnvironment(new LookupServerOptions(), new Hashtable { [variable] = value }));

        Assert.StartsWith($"environment variable {variable}: ", fault.Message, StringComparison.Ordinal);
        Assert.Contains(expected, fault.Message, StringComparison.Ordinal);
    }
}
