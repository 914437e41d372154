using Lookup.Load;

return args switch
{
    ["first-load", .. var rest] => await FirstLoadCommand.RunAsync(rest),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine(
        """
        usage: Lookup.Load first-load [facts]   fill a redis-server of its own on loopback, 1,000 to 50,000,000 facts
        """);
    return 2;
}
