using Lookup.Core.Regimes;
using Lookup.Server;
using Lookup.Server.Hosting;

namespace Lookup.ServiceTests.Server;

public sealed class OptionsTests
{
    public static TheoryData<string> Names => [.. LookupServerOptions.Settings.Select(s => s.Name)];

    [Fact]
    public void Options_Default_AreWithoutFault() => Assert.Empty(new LookupServerOptions().Faults());

    [Theory]
    [MemberData(nameof(Names))]
    public void Setting_OutsideItsRange_IsAFaultThatNamesItAndItsUnit(string name)
    {
        var setting = LookupServerOptions.Settings.Single(s => s.Name == name);
        var property = typeof(LookupServerOptions).GetProperty(name)!;
        foreach (var wrong in (int[])[setting.Min - 1, setting.Max + 1, int.MinValue, int.MaxValue])
        {
            var options = new LookupServerOptions();
            property.SetValue(options, wrong);
            Assert.Contains(options.Faults(), f => f.StartsWith(name + ":", StringComparison.Ordinal) && f.Contains(setting.Unit, StringComparison.Ordinal));
        }

        Assert.InRange(setting.Default, setting.Min, setting.Max);
    }

    [Fact]
    public void Settings_CoverEveryNumericProperty() => Assert.Equal(
        typeof(LookupServerOptions).GetProperties().Where(p => p.PropertyType == typeof(int)).Select(p => p.Name).Order(),
        LookupServerOptions.Settings.Select(s => s.Name).Order());

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("::")]
    [InlineData("192.0.2.7")]
    [InlineData("localhost")]
    [InlineData("")]
    public void Address_NotLoopback_IsAFault(string address) =>
        Assert.StartsWith("Address:", Assert.Single(new LookupServerOptions { Address = address }.Faults()), StringComparison.Ordinal);

    [Fact]
    public void Build_SeveralFaults_TellsAllAtOnce()
    {
        var options = new LookupServerOptions { Address = "0.0.0.0", StoreReadLimitMs = 0, MaxConnections = -1, JsonPort = 7500 };
        var error = Assert.Throws<ServerSettingsException>(() => LookupHost.Build(options, null!, RegimeSet.BuiltIn, null!));
        Assert.Equal(4, error.Faults.Count);
        Assert.All(error.Faults, fault => Assert.Contains(fault, error.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void RegistryPoll_SlowerThanHalfTheBound_IsAFault() =>
        Assert.Contains("RegistryPollMs", Assert.Single(new LookupServerOptions { RegistryPollMs = 300 }.Faults()), StringComparison.Ordinal);
}
