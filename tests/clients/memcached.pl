#!/usr/bin/perl
# libcache-memcached-perl. A server that refused a connection it leaves alone for 20 s or more: with one address
# there is nobody else to ask, so each operation forgets that. Without an answer it waits select_timeout, 1 s as it
# comes. Protocol of the pipe: README.md of this folder.
use strict;
use warnings;
use FindBin;
use Cache::Memcached;
require "$FindBin::Bin/serve.pl";

my ($host, $port) = @ARGV;
my $client = Cache::Memcached->new({ servers => ["$host:$port"], connect_timeout => 1, select_timeout => 3 });

sub ready {
    $client->forget_dead_hosts;
    return $client;
}

# Errors are false or undef, as is what was not found.
sub stored { return $_[0] ? "stored" : "not_stored" }
sub number { return defined $_[0] ? "number $_[0]" : "not_found" }

# The compression of large texts, references in the flags.
sub extras {
    my ($key) = @_;
    my $whole = Cache::Memcached->new({ servers => ["$host:$port"], compress_threshold => 1000 });
    my $long = "long " x 5000;
    $whole->set($key, $long);
    return "failed compression" unless ($whole->get($key) // "") eq $long;
    $whole->set($key, { a => [1, 2] });
    my $found = $whole->get($key);
    return "failed reference" unless ref $found eq "HASH" && $found->{a}[1] == 2;
    return "ok";
}

serve(
    get     => sub { return hit(ready->get($_[0])) },
    set     => sub { return stored(ready->set($_[0], $_[2], $_[1])) },
    add     => sub { return stored(ready->add($_[0], $_[2], $_[1])) },
    replace => sub { return stored(ready->replace($_[0], $_[2], $_[1])) },
    append  => sub { return stored(ready->append($_[0], $_[2])) },
    prepend => sub { return stored(ready->prepend($_[0], $_[2])) },
    delete  => sub { return ready->delete($_[0]) ? "deleted" : "not_found" },
    incr     => sub { return number(ready->incr($_[0], $_[1])) },
    decr     => sub { return number(ready->decr($_[0], $_[1])) },
    get_many => sub { return many(ready->get_multi(@{ $_[0] })) },
    flush    => sub { return ready->flush_all ? "flushed" : "not_flushed" },
    stats    => sub {
        my $found = ready->stats("misc");
        return exists $found->{hosts}{"$host:$port"}{misc}{curr_connections} ? "stats" : "incomplete";
    },
    extras => \&extras,
);
