<?php
// The php-memcached client of bench/preload, text; what it is asked for: measure.py. HOST PORT...
declare(strict_types=1);

$client = new Memcached();
$client->setOption(Memcached::OPT_COMPRESSION, false);
$client->setOption(Memcached::OPT_TCP_NODELAY, true);
foreach (array_slice($argv, 2) as $port) {
    $client->addServer($argv[1], (int)$port);
}
$value = str_repeat('v', 100);
$keys = [];

function expect(bool $is_right, string $what): void
{
    if (!$is_right) {
        fwrite(STDERR, "$what failed\n");
        exit(1);
    }
}

while (($line = fgets(STDIN)) !== false) {
    $words = explode(' ', trim($line));
    if ($words[0] === 'fill') {
        for ($i = 0; $i < (int)$words[1]; $i++) {
            $keys[] = sprintf('bench-%06d', $i);
            expect($client->set($keys[$i], $value), 'set');
        }
        echo "filled\n";
        continue;
    }
    [$count, $state] = [(int)$words[1], (int)$words[2]];
    $took_ns = [];
    for ($i = 0; $i < $count; $i++) {
        $state = ($state * 1103515245 + 12345) & 0x7fffffff;
        $key = $keys[($state >> 8) % count($keys)];
        $begun = hrtime(true);
        $is_right = $i % 10 === 9 ? $client->set($key, $value) : $client->get($key) === $value;
        $took_ns[] = hrtime(true) - $begun;
        expect($is_right, 'an operation');
    }
    sort($took_ns);
    echo $took_ns[intdiv($count, 2)], ' ', $took_ns[intdiv($count * 99, 100)], "\n";
}
