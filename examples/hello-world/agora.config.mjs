import { defineConfig } from 'agora-offload';

export default defineConfig({
  subagents: {
    greeter: { command: ['sh', '-c', 'echo "Hello, $1, from $(hostname)" | tee greeting.txt', 'greeter', '{{name}}'] },
  },
});
