# frozen_string_literal: true

# ruby-dalli 3: binary. A server that failed it leaves alone for down_retry_delay, 30 s as it comes and 1 s
# here: with one address there is nobody else to ask. Protocol of the pipe: README.md of this folder.
require 'dalli'
require 'logger'

VALUE_BYTES_MAX = 2 * 1024 * 1024 # the server is to decide
WITH_VALUE = %w[set add replace append prepend cas set_noreply].freeze
WITH_NUMBER = %w[gat touch incr decr].freeze
RAW = { raw: true }.freeze

# One method an operation.
class Client
  Hit = Struct.new(:value)

  def initialize(host, port)
    Dalli.logger = Logger.new($stderr)
    Dalli.logger.level = Logger::ERROR
    @address = "#{host}:#{port}"
    @client = Dalli::Client.new(@address, compress: false, value_max_bytes: VALUE_BYTES_MAX,
                                          down_retry_delay: 1)
    @token = 0
  end

  def get(key) = found(@client.get(key, RAW))
  def gat(key, expiry) = found(@client.gat(key, expiry))

  def gets(key)
    value, @token = @client.get_cas(key)
    found(value)
  end

  def set(key, expiry, value) = stored(@client.set(key, value, expiry, RAW))
  def add(key, expiry, value) = stored(@client.add(key, value, expiry, RAW))
  def replace(key, expiry, value) = stored(@client.replace(key, value, expiry, RAW))
  def append(key, _expiry, value) = stored(@client.append(key, value))
  def prepend(key, _expiry, value) = stored(@client.prepend(key, value))

  def cas(key, expiry, value)
    result = @client.set_cas(key, value, @token, expiry, RAW)
    return 'not_found' if result == 0

    result ? 'stored' : 'exists'
  end

  def set_noreply(key, expiry, value)
    @client.multi { @client.set(key, value, expiry, RAW) }
    'sent'
  end

  def delete(key) = @client.delete(key) ? 'deleted' : 'not_found'

  def delete_noreply(key)
    @client.multi { @client.delete(key) }
    'sent'
  end

  def touch(key, expiry) = @client.touch(key, expiry) ? 'touched' : 'not_found'
  def incr(key, amount) = @client.incr(key, amount) || 'not_found'
  def decr(key, amount) = @client.decr(key, amount) || 'not_found'
  def get_many(keys) = @client.get_multi(*keys)

  def set_many(expiry, pairs)
    @client.multi { pairs.each { |key, value| @client.set(key, value, expiry, RAW) } }
    'stored'
  end

  def delete_many(keys)
    @client.multi { keys.each { |key| @client.delete(key) } }
    'deleted'
  end

  def flush = @client.flush.all? ? 'flushed' : 'not_flushed'
  def version = "version #{@client.version.values.first || 'error'}"
  def stats = @client.stats.values.first&.key?('curr_connections') ? 'stats' : 'incomplete'

  # Ruby's own types travel in the flags; compression; counters that begin by themselves; cas by block.
  def extras(key)
    whole = Dalli::Client.new(@address)
    [{ 'a' => [1, 2] }, :symbol, 7, 'long ' * 5000].each do |value|
      whole.set(key, value)
      return "failed #{value.class}" unless whole.get(key) == value
    end
    whole.set(key, 1)
    whole.cas(key) { |value| value + 1 }
    return 'failed cas' unless whole.get(key) == 2
    return 'failed fetch' unless whole.fetch(key) { 3 } == 2

    whole.delete(key)
    return 'failed incr' unless whole.incr(key, 1, 0, 41) == 41

    'ok'
  ensure
    whole&.close
  end

  # A child that ends, its parent, then a child that goes on: all with the connection that was there.
  def fork(key)
    wanted = get(key)
    child = Process.fork { exit!(get(key) == wanted ? 0 : 1) }
    Process.wait(child)
    return 'failed in the child' unless $?.success?
    return 'failed in the parent' unless get(key) == wanted

    child = Process.fork
    return 'forked' if child.nil?

    Process.wait(child)
    exit 0
  end

  private

  def found(value) = value.nil? ? nil : Hit.new(value)

  # What was not found is a cas value of 0 to dalli, and so true.
  def stored(result) = result && result != 0 ? 'stored' : 'not_stored'
end

OPERATIONS = %w[get gets gat set add replace append prepend cas set_noreply delete delete_noreply touch incr
                decr get_many set_many delete_many flush version stats extras fork].freeze

def read_payload(size) = $stdin.read(size + 1)[0, size]

def read_arguments(operation, words)
  case operation
  when *WITH_VALUE then [words[0], words[1].to_i, read_payload(words[2].to_i)]
  when *WITH_NUMBER then [words[0], words[1].to_i]
  when 'get_many', 'delete_many' then [Array.new(words[0].to_i) { $stdin.gets.strip }]
  when 'set_many' then [words[0].to_i, read_pairs(words[1].to_i)]
  else words
  end
end

def read_pairs(count)
  Array.new(count) do
    key, size = $stdin.gets.split
    [key, read_payload(size.to_i)]
  end.to_h
end

def reply_of(result)
  case result
  when nil then "miss\n"
  when Client::Hit then "hit #{result.value.bytesize}\n".b << result.value.b << "\n"
  when Integer then "number #{result}\n"
  when Hash
    result.inject("many #{result.size}\n".b) do |text, (key, value)|
      text << "#{key} #{value.bytesize}\n".b << value.b << "\n"
    end
  else "#{result.tr("\n", ' ')}\n"
  end
end

def perform(client, operation, arguments)
  return "abilities #{OPERATIONS.join(' ')}" if operation == 'abilities'

  client.public_send(operation, *arguments)
rescue StandardError => e
  "error #{e.class}: #{e.message}"
end

$stdin.binmode
$stdout.binmode
client = Client.new(ARGV[0], ARGV[1])
while (line = $stdin.gets)
  operation, *words = line.split
  $stdout.write(reply_of(perform(client, operation, read_arguments(operation, words))))
  $stdout.flush
end
