using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Lookup.Cli.Files;
using Lookup.Cli.Output;
using Lookup.Client;
using Lookup.V1;

namespace Lookup.Cli.Lists;

/// <summary>A list and the question about its numbers.</summary>
internal sealed record ListQuestion(InputFile Input, ListLayout Layout, CheckStreamOpen Open)
{
    /// <summary>Whether the answers are what-if answers, which permit nothing.</summary>
    public bool IsHypothetical => Open.WhatIf is not null;

    /// <summary>What the list was taken for.</summary>
    public string ReadAs => Input.ReadAs(Layout.Describe());

    /// <summary>The question and how the list is read, for the manifest.</summary>
    public JsonObject Describe() => new()
    {
        ["list"] = Input.Name,
        ["read_as"] = ReadAs,
        ["column"] = Layout.ColumnName,
        ["question"] = JsonNode.Parse(JsonText.Format(Open)),
    };

    /// <summary>SHA-256 of the stored file, in hex.</summary>
    /// <param name="content">SHA-256 of the decompressed content.</param>
    public string FileHash(string content)
    {
        if (Input.Path is null || Input.Forms.Count == 0)
        {
            return content;
        }

        using var file = File.OpenRead(Input.Path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }
}

/// <summary>Sends a list through the service into a sink and shows progress.</summary>
internal sealed class ListRun(Shell shell, LookupClient client, PipelineSettings settings)
{
    /// <summary>Warns on standard error if the list is empty, because silence would look like success.</summary>
    /// <returns>Whether the list is empty.</returns>
    public static bool WarnIfEmpty(Shell shell, InputFile input, long records)
    {
        if (records == 0)
        {
            shell.Error.WriteLine($"lookup: {SafeText.Printable(input.Name)} has no lines to check.");
        }

        return records == 0;
    }

    /// <summary>Processes every line of the list.</summary>
    public Task RunAsync(ListQuestion question, ListReader reader, IChunkSink sink, Action<ListChunk> prepare, bool json, CancellationToken ct) =>
        RunAsync(
            question,
            reader.Read,
            chunk =>
            {
                chunk.ReadNumbers(question.Layout);
                chunk.MakeRequest();
            },
            sink,
            prepare,
            json,
            ct);

    /// <summary>Processes the list; saves the progress if it stops early.</summary>
    /// <param name="question">The list and the question.</param>
    /// <param name="read">Fills a chunk; returns false at the end of the list.</param>
    /// <param name="parse">Builds a chunk's request.</param>
    /// <param name="sink">Receives the answered chunks.</param>
    /// <param name="prepare">Prepares an answered chunk for the sink.</param>
    /// <param name="json">Whether --json is set.</param>
    /// <param name="ct">Stops the run.</param>
    public async Task RunAsync(
        ListQuestion question, Func<ListChunk, CancellationToken, bool> read, Action<ListChunk> parse, IChunkSink sink, Action<ListChunk> prepare, bool json,
        CancellationToken ct)
    {
        var pipeline = new ChunkPipeline(
            (chunks, window, stop) => client.CheckStreamAsync(question.Open, chunks, window, stop), settings, shell.Clock);
        var running = pipeline.RunAsync(read, parse, prepare, sink.Write, ct);
        await ScrubProgress.ShowAsync(shell, question.Input, () => sink.Records, () => pipeline.IsWaiting, json, running,
            $"no answer from {client.Address} yet, waiting up to {settings.Wait.TotalSeconds:0.###} s (--wait)");
        try
        {
            await running;
        }
        finally
        {
            sink.Save();
        }
    }
}
