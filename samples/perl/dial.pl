#!/usr/bin/env perl
# A dialer in Perl, as for VICIdial: asks the gate just before each call, with modules that every Perl has.
# Only status 200 within its reusableForSeconds permits a call.
# usage: dial.pl URL ORGANISATION NUMBER... -> one line per number; exit 1 if a number could not be decided
use strict;
use warnings;
use HTTP::Tiny;
use JSON::PP;
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my ($url, $organisation, @numbers) = @ARGV;
die "usage: dial.pl URL ORGANISATION NUMBER...\n" unless @numbers;

# Without keep-alive: HTTP::Tiny sends head and body apart, which costs 40 ms for each request on a connection that is used again.
my $http = HTTP::Tiny->new(timeout => 5, keep_alive => 0);
my $undecided = 0;
for my $number (@numbers) {
    my $sent     = clock_gettime(CLOCK_MONOTONIC);
    my $question = { organisation => $organisation, purpose => 'PURPOSE_COMMERCIAL' };
    my $response = $http->post("$url/v1/gate", {
        headers => { 'Content-Type' => 'application/json' },
        content => encode_json({ number => $number, question => $question }),
    });
    my $answer = eval { decode_json($response->{content}) };
    $answer = {} unless ref $answer eq 'HASH';
    my $permits = $response->{status} == 200 && clock_gettime(CLOCK_MONOTONIC) - $sent < ($answer->{reusableForSeconds} // 0);
    # Dial the number that was decided, not the text in the request.
    print $permits ? "DIAL $answer->{number}\n" : "SKIP $number " . ($answer->{verdict} // "status $response->{status}") . "\n";
    $undecided++ unless defined $answer->{verdict};
}
exit($undecided ? 1 : 0);
