# A git remote behind a real nginx with git-http-backend on loopback. Read after remote.sh.
#
#	https_start USER FILE   nginx on a free port: $https_port, as localhost, certified by ./tls/ca.pem; it serves
#	                        the repositories of ./remote to whoever sends this user and the password in the file
#	https_url NAME          the URL of that repository
#	https_requests          how many requests it has had
#
# Beside the repositories it has, each followed by NAME.git: /moved (the same elsewhere on this host), /away (on
# another host), /down (a failure of the server), /denied (403) and /torn (an answer that ends in the middle).
# shellcheck shell=sh disable=SC2154,SC2034,SC2016

# shellcheck source=t/lib/certificate.sh
. "$BB_SOURCE/t/lib/certificate.sh"

if ! command -v nginx >/dev/null || ! command -v fcgiwrap >/dev/null; then
	skip 'an https remote' 'nginx or fcgiwrap is not installed'
	done_testing
fi

https_start() {
	https_port=$(free_port)
	https_other_port=$(free_port)
	mkdir -p tls nginx
	make_certificate tls localhost
	make_certificate tls elsewhere.test
	cat >nginx/conf <<-END
		daemon off;
		pid nginx/pid;
		error_log nginx/error;
		$([ "$(id -u)" -ne 0 ] || echo 'user root;')
		worker_processes 2;
		events { worker_connections 64; }
		http {
			access_log nginx/access;
			client_body_temp_path nginx/body;
			fastcgi_temp_path nginx/fastcgi;
			proxy_temp_path nginx/proxy;
			uwsgi_temp_path nginx/uwsgi;
			scgi_temp_path nginx/scgi;
			client_max_body_size 0;
			server {
				listen 127.0.0.1:$https_port ssl;
				ssl_certificate $PWD/tls/localhost.pem;
				ssl_certificate_key $PWD/tls/localhost.key;
				location /moved/ { rewrite ^/moved(/.*) https://localhost:$https_port\$1 permanent;
				}
				location /away/ {
					rewrite ^/away(/.*) https://127.0.0.1:$https_other_port\$1 permanent;
				}
				location /down/ { return 503; }
				location /denied/ { return 403; }
				location /torn/ {
					types { } default_type application/x-git-upload-pack-advertisement;
					return 200 "001e# service=git-upload-pack\n0000";
				}
				location / {
					if (\$http_authorization != "Basic $(printf '%s:%s' "$1" "$(cat "$2")" | base64 -w 0)") {
						add_header WWW-Authenticate 'Basic realm="git"' always;
						return 401;
					}
					fastcgi_pass unix:$PWD/nginx/socket;
					fastcgi_param SCRIPT_FILENAME $(git --exec-path)/git-http-backend;
					fastcgi_param GIT_PROJECT_ROOT $PWD/remote;
					fastcgi_param GIT_HTTP_EXPORT_ALL 1;
					fastcgi_param GIT_PROTOCOL \$http_git_protocol;
					fastcgi_param PATH_INFO \$uri;
					fastcgi_param REMOTE_USER \$remote_user;
					fastcgi_param QUERY_STRING \$query_string;
					fastcgi_param REQUEST_METHOD \$request_method;
					fastcgi_param CONTENT_TYPE \$content_type;
					fastcgi_param CONTENT_LENGTH \$content_length;
					fastcgi_param HTTP_CONTENT_ENCODING \$http_content_encoding;
				}
			}
			server {
				listen 127.0.0.1:$https_other_port ssl;
				access_log nginx/access-other;
				ssl_certificate $PWD/tls/elsewhere.test.pem;
				ssl_certificate_key $PWD/tls/elsewhere.test.key;
				location / { return 200 "elsewhere"; }
			}
		}
	END
	fcgiwrap -s "unix:$PWD/nginx/socket" >>nginx/cgi 2>&1 &
	at_exit "kill $!"
	nginx -p "$PWD/" -c "$PWD/nginx/conf" 2>>nginx/error &
	at_exit "kill $!"
	wait_for test -S nginx/socket
	wait_for curl -sk -o /dev/null "https://127.0.0.1:$https_other_port/"
	: >nginx/access
	: >nginx/access-other
}

https_url() {
	echo "https://localhost:$https_port/$1.git"
}

https_requests() {
	wc -l <nginx/access
}
