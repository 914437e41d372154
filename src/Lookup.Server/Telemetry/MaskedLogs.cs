using System.Collections;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Lookup.Server.Telemetry;

/// <summary>
/// Wraps every log provider and masks numbers in the text, the named values and the exception of each entry, whatever code logged it.
/// Drops scopes: frameworks put paths and queries into them.
/// </summary>
internal sealed class MaskedLogs(ILoggerProvider inner) : ILoggerProvider
{
    // By convention of the framework, the message template. It comes from code and has no values.
    private const string Template = "{OriginalFormat}";

    /// <summary>Wraps each provider that was added.</summary>
    internal static void Mask(IServiceCollection services)
    {
        for (var i = 0; i < services.Count; i++)
        {
            if (services[i] is { ServiceType: var type, IsKeyedService: false } provider && type == typeof(ILoggerProvider))
            {
                services[i] = ServiceDescriptor.Singleton<ILoggerProvider>(s => new MaskedLogs((ILoggerProvider)(
                    provider.ImplementationInstance
                    ?? provider.ImplementationFactory?.Invoke(s)
                    ?? ActivatorUtilities.CreateInstance(s, provider.ImplementationType!))));
            }
        }
    }

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => new MaskedLog(inner.CreateLogger(categoryName));

    /// <inheritdoc/>
    public void Dispose() => inner.Dispose();

    private static object? Mask(object? value) => value switch
    {
        null or bool or Enum or DateTime or DateTimeOffset or TimeSpan or Guid => value,
        // Unchanged unless long enough to be a phone number.
        _ when value.GetType().IsPrimitive && !IsChanged(value) => value,
        _ => Masked(value),
    };

    private static bool IsChanged(object value) => Masked(value) != Text(value);

    private static string Masked(object value) => Redaction.Mask(Text(value));

    private static string Text(object value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";

    private sealed class MaskedLog(ILogger inner) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => inner.IsEnabled(logLevel);

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!inner.IsEnabled(logLevel))
            {
                return;
            }

            var text = Redaction.Mask(formatter(state, exception));
            var values = state is IEnumerable<KeyValuePair<string, object?>> named
                ? named.Select(v => KeyValuePair.Create(v.Key, v.Key == Template ? v.Value : Mask(v.Value))).ToArray()
                : [];
            inner.Log(
                logLevel,
                eventId,
                new Values(text, values),
                exception is null ? null : new MaskedException(Redaction.Mask(exception.ToString())),
                static (s, _) => s.ToString());
        }
    }

    private sealed class Values(string text, KeyValuePair<string, object?>[] values) : IReadOnlyList<KeyValuePair<string, object?>>
    {
        public int Count => values.Length;

        public KeyValuePair<string, object?> this[int index] => values[index];

        public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => values.AsEnumerable().GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

        public override string ToString() => text;
    }

    /// <summary>The masked text of an exception, without the original, which may name numbers.</summary>
    private sealed class MaskedException(string text) : Exception(text)
    {
        public override string ToString() => Message;
    }
}
