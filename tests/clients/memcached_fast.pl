#!/usr/bin/perl
# libcache-memcached-fast-perl, as it comes; noreply where a result is not used. Protocol of the pipe: README.md of this folder.
use strict;
use warnings;
use FindBin;
use Cache::Memcached::Fast;
require "$FindBin::Bin/serve.pl";

my $VALUE_BYTES_MAX = 2 * 1024 * 1024;    # the server is to decide
my ($host, $port) = @ARGV;
my $client = Cache::Memcached::Fast->new(
    { servers => [{ address => "$host:$port", noreply => 1 }], max_size => $VALUE_BYTES_MAX });
my $token = 0;

# A reply of the server is true or false; undef is an error.
sub outcome {
    my ($result, $done, $not_done) = @_;
    return "error undef" unless defined $result;
    return $result ? $done : $not_done;
}
sub stored { return outcome($_[0], "stored", "not_stored") }

sub number {
    my ($result) = @_;
    return "error undef" unless defined $result;
    return $result eq "" ? "not_found" : "number " . ($result + 0);
}

# The compression of large texts, references in the flags, several outcomes in one call.
sub extras {
    my ($key) = @_;
    my $whole = Cache::Memcached::Fast->new(
        { servers => ["$host:$port"], compress_threshold => 1000 });
    my $long = "long " x 5000;
    $whole->set($key, $long);
    return "failed compression" unless ($whole->get($key) // "") eq $long;
    $whole->set($key, { a => [1, 2] });
    my $found = $whole->get($key);
    return "failed reference" unless ref $found eq "HASH" && $found->{a}[1] == 2;
    my @results = $whole->add_multi([$key, 1], ["${key}2", 2]);
    return "failed add_multi" unless !$results[0] && $results[1];
    my $gotten = $whole->gets_multi("${key}2");
    my $swapped = $whole->cas_multi(["${key}2", $gotten->{"${key}2"}[0], 3]);
    return "failed cas_multi" unless $swapped->{"${key}2"} && $whole->get("${key}2") == 3;
    my $deleted = $whole->delete_multi("${key}2", "${key}3");
    return "failed delete_multi" unless $deleted->{"${key}2"} && !$deleted->{"${key}3"};
    return "ok";
}

serve(
    get  => sub { return hit($client->get($_[0])) },
    gat  => sub { return hit($client->gat($_[1], $_[0])) },
    gets => sub {
        my $found = $client->gets($_[0]);
        return "miss" unless $found;
        $token = $found->[0];
        return hit($found->[1]);
    },
    set     => sub { return stored($client->set($_[0], $_[2], $_[1])) },
    add     => sub { return stored($client->add($_[0], $_[2], $_[1])) },
    replace => sub { return stored($client->replace($_[0], $_[2], $_[1])) },
    append  => sub { return stored($client->append($_[0], $_[2])) },
    prepend => sub { return stored($client->prepend($_[0], $_[2])) },
    cas     => sub { return stored($client->cas($_[0], $token, $_[2], $_[1])) },
    set_noreply => sub { $client->set($_[0], $_[2], $_[1]); return "sent" },
    delete         => sub { return outcome(scalar $client->delete($_[0]), "deleted", "not_found") },
    delete_noreply => sub { $client->delete($_[0]); return "sent" },
    touch => sub { return outcome(scalar $client->touch($_[0], $_[1]), "touched", "not_found") },
    incr     => sub { return number(scalar $client->incr($_[0], $_[1])) },
    decr     => sub { return number(scalar $client->decr($_[0], $_[1])) },
    get_many => sub { return many($client->get_multi(@{ $_[0] })) },
    set_many => sub {
        my ($expiry, $pairs) = @_;
        my $stored = $client->set_multi(map { [$_, $pairs->{$_}, $expiry] } keys %$pairs);
        my $failed = grep { !$stored->{$_} } keys %$pairs;
        return $failed ? "not_stored $failed" : "stored";
    },
    delete_many => sub { $client->delete_multi(@{ $_[0] }); return "deleted" },
    flush       => sub { return outcome(scalar $client->flush_all, "flushed", "not_flushed") },
    version     => sub { return "version " . ((values %{ $client->server_versions })[0] // "error") },
    extras      => \&extras,
);
