namespace Lookup.Tests;

/// <summary>Counts what an action allocates on this thread once it has run before.</summary>
internal static class Allocations
{
    public static long Of(Action action)
    {
        action();
        var before = GC.GetAllocatedBytesForCurrentThread();
        action();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
