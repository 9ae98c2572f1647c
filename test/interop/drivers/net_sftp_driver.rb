# Drives net-sftp, which asks for SFTP v6: one command a line on standard input, as JSON, one answer a line on standard output.

require "json"
require "net/sftp"

# Every character of the text is one byte.
def path(text)
  text.to_s.encode("ISO-8859-1").force_encoding("BINARY")
end

def text(path)
  path.dup.force_encoding("ISO-8859-1").encode("UTF-8")
end

def connect(command)
  options = {
    port: command["port"],
    config: false,
    non_interactive: true,
    use_agent: false,
    verify_host_key: :always,
    user_known_hosts_file: [command["known_hosts"]],
    global_known_hosts_file: [],
    keys: [command["key"]].compact,
    keys_only: true,
    auth_methods: [command["key"] ? "publickey" : "password"],
    password: command["password"],
    number_of_password_prompts: 0,
  }
  Net::SFTP.start(command["host"], command["user"], options.compact)
end

def resume_get(sftp, remote, local)
  ::File.open(local, "ab") do |target|
    sftp.file.open(remote, "r") do |source|
      source.pos = target.size
      target.write(source.read)
    end
  end
end

def resume_put(sftp, local, remote)
  ::File.open(local, "rb") do |source|
    handle = sftp.open!(remote, "r+")
    source.pos = sftp.fstat!(handle).size
    while (data = source.read(32_768))
      at = source.pos - data.bytesize
      sftp.write!(handle, at, data)
    end
    sftp.close!(handle)
  end
end

def put_dated(sftp, local, remote)
  status = ::File.stat(local)
  sftp.upload!(local, remote)
  times = { atime: status.atime.to_i, mtime: status.mtime.to_i }
  sftp.setstat!(remote, { permissions: status.mode & 0o7777, **times })
end

def get_dated(sftp, remote, local)
  status = sftp.stat!(remote)
  sftp.download!(remote, local)
  ::File.chmod(status.permissions & 0o7777, local)
  ::File.utime(status.atime, status.mtime, local)
end

def serve(sftp, command)
  local, remote, to, target = command.values_at("local", "remote", "to", "target").map { |value| path(value) }
  case command["op"]
  when "put" then sftp.upload!(local, remote)
  when "get" then sftp.download!(remote, local)
  when "list" then return sftp.dir.entries(remote).map { |entry| text(entry.name) }
  when "rename", "replace" then sftp.rename!(remote, to)
  when "resume_get" then resume_get(sftp, remote, local)
  when "resume_put" then resume_put(sftp, local, remote)
  when "put_tree" then sftp.upload!(local, remote, mkdir: true)
  when "get_tree" then sftp.download!(remote, local, recursive: true)
  when "symlink" then sftp.symlink!(remote, target)
  when "readlink" then return text(sftp.readlink!(remote).name)
  when "put_dated" then put_dated(sftp, local, remote)
  when "get_dated" then get_dated(sftp, remote, local)
  else raise ArgumentError, "unknown command #{command["op"]}"
  end
  nil
end

sftp = nil
$stdout.sync = true
$stdin.each_line do |line|
  command = JSON.parse(line)
  begin
    if command["op"] == "connect"
      sftp = connect(command)
      answer = nil
    else
      answer = serve(sftp, command)
    end
    reply = { result: answer }
  rescue StandardError => error
    reply = { error: "#{error.class}: #{error.message}" }
  end
  puts JSON.generate(reply)
end
sftp&.session&.close
