// Runs @seamapi/fake-seam-connect, an in-memory Seam, on 127.0.0.1 alone, and prints its port.

import http from 'node:http'
import net from 'node:net'

const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (_port, ...more) {
  const listening = more.find((one) => typeof one === 'function')
  return listen.call(this, 0, '127.0.0.1', () => {
    // It first tries out with another server which ports are free.
    if (this instanceof http.Server) console.log(`listening on ${this.address().port}`)
    listening?.()
  })
}

process.argv.push('--seed')
const script = new URL('node_modules/@seamapi/fake-seam-connect/dist/server.js', import.meta.url)
await import(script.href)
