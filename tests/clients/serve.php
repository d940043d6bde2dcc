<?php
// The half of the pipe that clients in PHP share: reads operations from standard input, calls the method
// of the same name, writes what it returned. The protocol: README.md of this folder.
declare(strict_types=1);

const WITH_VALUE = ['set', 'add', 'replace', 'append', 'prepend', 'cas', 'set_noreply'];
const WITH_NUMBER = ['gat', 'touch', 'incr', 'decr'];
const OPERATIONS = ['get', 'gets', 'gat', 'set', 'add', 'replace', 'append', 'prepend', 'cas', 'set_noreply',
    'delete', 'delete_noreply', 'touch', 'incr', 'decr', 'get_many', 'set_many', 'delete_many',
    'flush', 'version', 'stats', 'extras'];

function read_payload(int $size): string
{
    $data = '';
    while (strlen($data) < $size + 1) {
        $data .= fread(STDIN, $size + 1 - strlen($data));
    }
    return substr($data, 0, $size);
}

function read_arguments(string $operation, array $words): array
{
    if (in_array($operation, WITH_VALUE, true)) {
        return [$words[0], (int)$words[1], read_payload((int)$words[2])];
    }
    if (in_array($operation, WITH_NUMBER, true)) {
        return [$words[0], (int)$words[1]];
    }
    if ($operation === 'get_many' || $operation === 'delete_many') {
        $keys = [];
        for ($i = 0; $i < (int)$words[0]; $i++) {
            $keys[] = trim(fgets(STDIN));
        }
        return [$keys];
    }
    if ($operation === 'set_many') {
        $pairs = [];
        for ($i = 0; $i < (int)$words[1]; $i++) {
            [$key, $size] = explode(' ', trim(fgets(STDIN)));
            $pairs[$key] = read_payload((int)$size);
        }
        return [(int)$words[0], $pairs];
    }
    return $words;
}

// A value that is found, so that the texts of outcomes and values are not taken for one another.
final class Hit
{
    public function __construct(public readonly mixed $value)
    {
    }
}

function reply_of(string|int|array|Hit $result): string
{
    if ($result instanceof Hit) {
        return is_string($result->value)
            ? 'hit ' . strlen($result->value) . "\n" . $result->value . "\n"
            : 'error the value is of type ' . gettype($result->value) . "\n";
    }
    if (is_array($result)) {
        $text = 'many ' . count($result) . "\n";
        foreach ($result as $key => $value) {
            $text .= $key . ' ' . strlen($value) . "\n" . $value . "\n";
        }
        return $text;
    }
    return (is_int($result) ? "number $result" : str_replace("\n", ' ', $result)) . "\n";
}

// A child that ends, its parent, then a child that goes on: all with the connection that was there. A child
// that ends as PHP does takes leave on it, so it does not end so.
function forked(object $client, string $key): string
{
    $wanted = $client->get($key);
    $child = pcntl_fork();
    if ($child === 0) {
        $client->get($key) == $wanted ? posix_kill(posix_getpid(), SIGKILL) : exit(1);
    }
    pcntl_waitpid($child, $status);
    if (!pcntl_wifsignaled($status)) {
        return 'failed in the child';
    }
    if ($client->get($key) != $wanted) {
        return 'failed in the parent';
    }
    $child = pcntl_fork();
    if ($child !== 0) {
        pcntl_waitpid($child, $status);
        exit(0);
    }
    return 'forked';
}

function serve(object $client): void
{
    while (($line = fgets(STDIN)) !== false) {
        $words = explode(' ', trim($line));
        $operation = array_shift($words);
        if ($operation === 'abilities') {
            $able = array_filter(OPERATIONS, fn ($name) => method_exists($client, $name));
            $reply = 'abilities ' . implode(' ', $able) . " fork\n";
        } else {
            $arguments = read_arguments($operation, $words);
            try {
                $result = $operation === 'fork' ? forked($client, ...$arguments) : $client->$operation(...$arguments);
                $reply = reply_of($result);
            } catch (Throwable $error) {
                $reply = 'error ' . str_replace("\n", ' ', $error->getMessage()) . "\n";
            }
        }
        fwrite(STDOUT, $reply);
        fflush(STDOUT);
    }
}
