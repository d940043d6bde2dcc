<?php
// php-memcache (pecl's elder client): connected anew for each web request, or persistent. It tells no
// outcome but true and false. A server that failed it leaves alone for retry_interval, 15 s as it comes
// and 1 s here: with one address there is nobody else to ask.
declare(strict_types=1);

require __DIR__ . '/serve.php';

final class PhpMemcache
{
    private const OPERATIONS_A_REQUEST = 20;
    private const TIMEOUT_S = 1; // as it comes
    private const RETRY_S = 1;
    private ?Memcache $client = null;
    private int $used = 0;
    private mixed $token = 0;

    public function __construct(private string $host, private int $port, private string $variant)
    {
    }

    private function client(): Memcache
    {
        if ($this->client === null || ++$this->used % self::OPERATIONS_A_REQUEST === 0) {
            $is_persistent = $this->variant === 'persistent';
            if (!$is_persistent) {
                $this->client?->close(); // else each connection stays open until the script's end
            }
            $this->client = new Memcache();
            $this->client->addServer($this->host, $this->port, $is_persistent, 1, self::TIMEOUT_S,
                self::RETRY_S);
        }
        return $this->client;
    }

    private static function stored(bool $is_stored): string
    {
        return $is_stored ? 'stored' : 'not_stored';
    }

    public function get(string $key): string|Hit
    {
        $value = $this->client()->get($key);
        return $value === false ? 'miss' : new Hit($value);
    }

    public function gets(string $key): string|Hit
    {
        $flags = 0;
        $value = $this->client()->get($key, $flags, $this->token);
        return $value === false ? 'miss' : new Hit($value);
    }

    public function set(string $key, int $expiry, string $value): string
    {
        return self::stored($this->client()->set($key, $value, 0, $expiry));
    }

    public function add(string $key, int $expiry, string $value): string
    {
        return self::stored($this->client()->add($key, $value, 0, $expiry));
    }

    public function replace(string $key, int $expiry, string $value): string
    {
        return self::stored($this->client()->replace($key, $value, 0, $expiry));
    }

    public function append(string $key, int $expiry, string $value): string
    {
        return self::stored($this->client()->append($key, $value, 0, $expiry));
    }

    public function prepend(string $key, int $expiry, string $value): string
    {
        return self::stored($this->client()->prepend($key, $value, 0, $expiry));
    }

    public function cas(string $key, int $expiry, string $value): string
    {
        return self::stored($this->client()->cas($key, $value, 0, $expiry, $this->token));
    }

    public function delete(string $key): string
    {
        return $this->client()->delete($key) ? 'deleted' : 'not_found';
    }

    public function incr(string $key, int $amount): string|int
    {
        $result = $this->client()->increment($key, $amount);
        return $result === false ? 'not_found' : $result;
    }

    public function decr(string $key, int $amount): string|int
    {
        $result = $this->client()->decrement($key, $amount);
        return $result === false ? 'not_found' : $result;
    }

    public function get_many(array $keys): string|array
    {
        $found = $this->client()->get($keys);
        return $found === false ? [] : $found;
    }

    public function flush(): string
    {
        return $this->client()->flush() ? 'flushed' : 'not_flushed';
    }

    public function version(): string
    {
        return 'version ' . $this->client()->getVersion();
    }

    public function stats(): string
    {
        return isset($this->client()->getStats()['curr_connections']) ? 'stats' : 'incomplete';
    }

    // Its own types travel in the flags; compression.
    public function extras(string $key): string
    {
        $client = $this->client();
        foreach ([7, 1.5, true, ['a' => [1, 2]], str_repeat('long ', 5000)] as $value) {
            if (!$client->set($key, $value, MEMCACHE_COMPRESSED) || $client->get($key) !== $value) {
                return 'failed ' . gettype($value);
            }
        }
        return 'ok';
    }
}

serve(new PhpMemcache($argv[1], (int)$argv[2], $argv[3]));
