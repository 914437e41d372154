using Lookup.Client;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

// The conventional namespace for extensions of IServiceCollection.
#pragma warning disable IDE0130
namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers the client with dependency injection.</summary>
public static class LookupServiceCollectionExtensions
{
    /// <summary>
    /// Adds <see cref="ILookupClient"/> and <see cref="LookupClient"/> as one singleton. Invalid options fail the start of the host with
    /// an <see cref="OptionsValidationException"/> that lists every fault; without a host, the first use.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="configure">Sets the options; <see cref="LookupClientOptions.Address"/> is required.</param>
    public static IServiceCollection AddLookupClient(this IServiceCollection services, Action<LookupClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        services.AddOptions<LookupClientOptions>().Configure(configure).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<LookupClientOptions>, Validator>());
        services.TryAddSingleton(static provider => new LookupClient(provider.GetRequiredService<IOptions<LookupClientOptions>>().Value));
        services.TryAddSingleton<ILookupClient>(static provider => provider.GetRequiredService<LookupClient>());
        return services;
    }

    private sealed class Validator : IValidateOptions<LookupClientOptions>
    {
        public ValidateOptionsResult Validate(string? name, LookupClientOptions options) =>
            options.Faults() is { Count: > 0 } faults ? ValidateOptionsResult.Fail(faults) : ValidateOptionsResult.Success;
    }
}
