/** A line between a worker in this process and its daprd, which can be cut: to daprd, and to the worker, the other is dead. */
import type { Socket } from 'node:net'
import { connect, createServer } from 'node:net'

export interface Line {
  readonly port: number
  cut(): void
}

export async function lineTo(host: string, port: number): Promise<Line> {
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(port, host)
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.pipe(far)
    far.pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    cut() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
