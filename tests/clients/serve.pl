# The half of the pipe that clients in Perl share: serve() reads operations from standard input, calls the
# subroutine of that name, writes what it returned. The protocol: README.md of this folder.
use strict;
use warnings;
use POSIX ();

my %with_value  = map { $_ => 1 } qw(set add replace append prepend cas set_noreply);
my %with_number = map { $_ => 1 } qw(gat touch incr decr);

sub hit { return defined $_[0] ? "hit " . length($_[0]) . "\n$_[0]" : "miss" }

sub many {
    my ($found) = @_;
    return "error undef" unless defined $found;
    return join "\n", "many " . keys %$found,
        map { "$_ " . length($found->{$_}) . "\n$found->{$_}" } keys %$found;
}

sub read_payload {
    my ($size) = @_;
    my $data = "";
    while (length $data < $size + 1) {
        read(STDIN, $data, $size + 1 - length $data, length $data) or exit 0;
    }
    return substr $data, 0, $size;
}

sub read_line {
    my $line = <STDIN>;
    chomp $line;
    return $line;
}

sub read_arguments {
    my ($operation, @words) = @_;
    return ($words[0], $words[1], read_payload($words[2])) if $with_value{$operation};
    return @words[0, 1] if $with_number{$operation};
    return [map { read_line() } 1 .. $words[0]] if $operation =~ /^(get|delete)_many$/;
    return @words unless $operation eq "set_many";
    my %pairs;
    for (1 .. $words[1]) {
        my ($key, $size) = split / /, read_line();
        $pairs{$key} = read_payload($size);
    }
    return ($words[0], \%pairs);
}

# A child that ends, its parent, then a child that goes on: all with the connection that was there.
sub forked {
    my ($get, $key) = @_;
    my $wanted = $get->($key);
    my $child = fork // die "fork: $!";
    POSIX::_exit($get->($key) eq $wanted ? 0 : 1) if $child == 0;
    waitpid $child, 0;
    return "failed in the child" if $?;
    return "failed in the parent" unless $get->($key) eq $wanted;
    $child = fork // die "fork: $!";
    return "forked" if $child == 0;
    waitpid $child, 0;
    exit 0;
}

sub serve {
    my %operations = @_;
    $operations{fork} = sub { return forked($operations{get}, @_) };
    binmode STDIN;
    binmode STDOUT;
    $| = 1;
    while (my $line = <STDIN>) {
        chomp $line;
        my ($operation, @words) = split / /, $line;
        if ($operation eq "abilities") {
            print "abilities @{[sort keys %operations]}\n";
            next;
        }
        my @arguments = read_arguments($operation, @words);
        my $reply = eval { $operations{$operation}->(@arguments) } // "error " . ($@ =~ s/\n/ /gr);
        print $reply, "\n";
    }
}

1;
