namespace Lookup.Testing.Records;

/// <summary>Holds whoever passes until it is disposed of.</summary>
internal sealed class Hold : IDisposable
{
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when someone is held.</summary>
    internal Task Reached => _reached.Task.WaitAsync(TestContext.Current.CancellationToken);

    internal Task PassAsync()
    {
        _reached.TrySetResult();
        return _released.Task;
    }

    public void Dispose() => _released.TrySetResult();
}
