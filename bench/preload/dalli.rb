# frozen_string_literal: true

# The dalli client of bench/preload, binary; what it is asked for: measure.py. HOST PORT...
require 'dalli'

host, *ports = ARGV
client = Dalli::Client.new(ports.map { |port| "#{host}:#{port}" }, compress: false)
value = 'v' * 100
raw = { raw: true }
keys = []
now = -> { Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond) }

$stdout.sync = true
while (line = $stdin.gets)
  verb, *numbers = line.split
  count, state = numbers.map(&:to_i)
  if verb == 'fill'
    keys = Array.new(count) { |i| format('bench-%06d', i) }
    keys.each { |key| client.set(key, value, 0, raw) || abort('set failed') }
    puts 'filled'
    next
  end
  took_ns = Array.new(count) do |i|
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff
    key = keys[(state >> 8) % keys.size]
    begun = now.call
    is_right = i % 10 == 9 ? client.set(key, value, 0, raw) : client.get(key, raw) == value
    took = now.call - begun
    is_right || abort('an operation failed')
    took
  end.sort
  puts "#{took_ns[count / 2]} #{took_ns[count * 99 / 100]}"
end
