<?php
// php-memcached: text and binary, each with a new client now and then as web requests have, connected
// anew or by a persistent id.
declare(strict_types=1);

require __DIR__ . '/serve.php';

final class PhpMemcached
{
    private const OPERATIONS_A_REQUEST = 20;
    private ?Memcached $client = null;
    private int $used = 0;
    private mixed $token = 0;

    public function __construct(private string $host, private int $port, private string $variant)
    {
    }

    private function client(): Memcached
    {
        if ($this->client === null || ++$this->used % self::OPERATIONS_A_REQUEST === 0) {
            $this->client = null;
            $this->client = $this->connect();
        }
        return $this->client;
    }

    private function connect(): Memcached
    {
        $client = str_contains($this->variant, 'persistent') ? new Memcached('ringfence') : new Memcached();
        if ($client->getServerList() === []) {
            $client->setOption(Memcached::OPT_COMPRESSION, false);
            // Without, each binary get that misses takes 40 ms, on any server: Nagle and a late ACK.
            $client->setOption(Memcached::OPT_TCP_NODELAY, true);
            $client->setOption(Memcached::OPT_BINARY_PROTOCOL, str_contains($this->variant, 'binary'));
            $client->addServer($this->host, $this->port);
        }
        return $client;
    }

    private function outcome(Memcached $client, mixed $is_done, string $done): string
    {
        if ($is_done !== false) {
            return $done;
        }
        return match ($client->getResultCode()) {
            Memcached::RES_NOTSTORED => 'not_stored',
            Memcached::RES_DATA_EXISTS => 'exists',
            Memcached::RES_NOTFOUND => 'not_found',
            default => 'error ' . $client->getResultCode() . ' ' . $client->getResultMessage(),
        };
    }

    private function found(Memcached $client, mixed $value): string|Hit
    {
        return match ($client->getResultCode()) {
            Memcached::RES_SUCCESS => new Hit($value),
            Memcached::RES_NOTFOUND => 'miss',
            default => 'error ' . $client->getResultCode() . ' ' . $client->getResultMessage(),
        };
    }

    public function get(string $key): string|Hit
    {
        $client = $this->client();
        return $this->found($client, $client->get($key));
    }

    public function gets(string $key): string|Hit
    {
        $client = $this->client();
        $found = $client->get($key, null, Memcached::GET_EXTENDED);
        if (is_array($found)) {
            $this->token = $found['cas'];
        }
        return $this->found($client, is_array($found) ? $found['value'] : $found);
    }

    private function store(string $how, string $key, int $expiry, string $value): string
    {
        $client = $this->client();
        return $this->outcome($client, $client->$how($key, $value, $expiry), 'stored');
    }

    public function set(string $key, int $expiry, string $value): string
    {
        return $this->store('set', $key, $expiry, $value);
    }

    public function add(string $key, int $expiry, string $value): string
    {
        return $this->store('add', $key, $expiry, $value);
    }

    public function replace(string $key, int $expiry, string $value): string
    {
        return $this->store('replace', $key, $expiry, $value);
    }

    public function append(string $key, int $expiry, string $value): string
    {
        $client = $this->client();
        return $this->outcome($client, $client->append($key, $value), 'stored');
    }

    public function prepend(string $key, int $expiry, string $value): string
    {
        $client = $this->client();
        return $this->outcome($client, $client->prepend($key, $value), 'stored');
    }

    public function cas(string $key, int $expiry, string $value): string
    {
        $client = $this->client();
        return $this->outcome($client, $client->cas($this->token, $key, $value, $expiry), 'stored');
    }

    public function set_noreply(string $key, int $expiry, string $value): string
    {
        $client = $this->client();
        $client->setOption(Memcached::OPT_NOREPLY, true);
        $client->set($key, $value, $expiry);
        $client->setOption(Memcached::OPT_NOREPLY, false);
        return 'sent';
    }

    public function delete(string $key): string
    {
        $client = $this->client();
        return $this->outcome($client, $client->delete($key), 'deleted');
    }

    public function delete_noreply(string $key): string
    {
        $client = $this->client();
        $client->setOption(Memcached::OPT_NOREPLY, true);
        $client->delete($key);
        $client->setOption(Memcached::OPT_NOREPLY, false);
        return 'sent';
    }

    public function touch(string $key, int $expiry): string
    {
        $client = $this->client();
        return $this->outcome($client, $client->touch($key, $expiry), 'touched');
    }

    public function incr(string $key, int $amount): string|int
    {
        $client = $this->client();
        $result = $client->increment($key, $amount);
        return $result === false ? $this->outcome($client, false, '') : $result;
    }

    public function decr(string $key, int $amount): string|int
    {
        $client = $this->client();
        $result = $client->decrement($key, $amount);
        return $result === false ? $this->outcome($client, false, '') : $result;
    }

    public function get_many(array $keys): string|array
    {
        $client = $this->client();
        $found = $client->getMulti($keys);
        return $found === false ? $this->outcome($client, false, '') : $found;
    }

    public function set_many(int $expiry, array $pairs): string
    {
        $client = $this->client();
        return $this->outcome($client, $client->setMulti($pairs, $expiry), 'stored');
    }

    public function delete_many(array $keys): string
    {
        $this->client()->deleteMulti($keys);
        return 'deleted';
    }

    public function flush(): string
    {
        $client = $this->client();
        return $this->outcome($client, $client->flush(), 'flushed');
    }

    public function version(): string
    {
        return 'version ' . implode(',', $this->client()->getVersion() ?: ['error']);
    }

    public function stats(): string
    {
        $of_servers = $this->client()->getStats() ?: [[]];
        return isset(reset($of_servers)['curr_connections']) ? 'stats' : 'incomplete';
    }

    // Its own types travel in the flags; compression; delayed gets; a counter that begins by itself.
    public function extras(string $key): string
    {
        $client = $this->client();
        $client->setOption(Memcached::OPT_COMPRESSION, true);
        foreach ([7, 1.5, true, ['a' => [1, 2]], str_repeat('long ', 5000)] as $value) {
            if (!$client->set($key, $value) || $client->get($key) !== $value) {
                return 'failed ' . gettype($value);
            }
        }
        $client->setOption(Memcached::OPT_COMPRESSION, false);
        $client->setMulti([$key => 'a', $key . '2' => 'b']);
        $client->getDelayed([$key, $key . '2', $key . '3'], true);
        $values = array_column($client->fetchAll() ?: [], 'value', 'key');
        ksort($values);
        if ($values !== [$key => 'a', $key . '2' => 'b']) {
            return 'failed fetchAll';
        }
        $client->delete($key);
        if (str_contains($this->variant, 'binary') && $client->increment($key, 1, 41) !== 41) {
            return 'failed increment';
        }
        return 'ok';
    }
}

serve(new PhpMemcached($argv[1], (int)$argv[2], $argv[3]));
