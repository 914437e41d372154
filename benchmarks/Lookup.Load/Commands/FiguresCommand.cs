using System.CommandLine;
using Lookup.Load.Results;

namespace Lookup.Load.Commands;

/// <summary>Brings the figures in the documentation up to date with the published results.</summary>
internal sealed class FiguresCommand : Command
{
    public FiguresCommand()
        : base("figures", "Writes the newest published figures into README.md and docs; see Results/Figures.cs for how a figure is marked.")
    {
        SetAction(_ =>
        {
            var figures = Figures.Published();
            foreach (var file in Figures.Files)
            {
                var path = Path.Combine(Repository.Root, file);
                var (before, after) = (File.ReadAllText(path), figures.Fill(File.ReadAllText(path)));
                if (before != after)
                {
                    File.WriteAllText(path, after);
                }

                Report.Say($"{file}: {(before == after ? "up to date" : "written")}");
            }

            return 0;
        });
    }
}
